#include "lang/compiler.h"

#include <string.h>

#define MICRO 1000000

typedef bool (*Compile)(Cpc *c, const CpNode *node);

static bool is_null(const CpNode *node)
{
    return node->kind == CP_NODE_NULL;
}

/* --- objects --- */

#define KIND(K) (1u << CP_OBJ_##K)

static bool wrong_kind(Cpc *c, const CpNode *name, const char *word, const char *is,
                       uint32_t kinds)
{
    g_autoptr(GString) all = g_string_new(NULL);
    for (unsigned i = 0; i < CP_OBJ_KINDS; i++) {
        if ((kinds >> i) & 1) {
            g_string_append_printf(all, "%s%s", all->len > 0 ? ", " : "",
                                   cp_resource_word(i));
        }
    }
    const char *article = strchr("aeiou", *is) != NULL ? "an" : "a";
    cp_diag_error(c->diag, name->pos, "'%s' is %s %s", name->text, article, is);
    cp_diag_help(c->diag, "'%s' takes: %s", word, all->str);
    return false;
}

/* One object may be used by several processes only if it is made for that. */
static bool claim(Cpc *c, const CpNode *name, CpcObject *object)
{
    CpProcId me = c->proc->index;
    bool crosses = object->node->flags & CP_FLAG_SHARED;
    if (!object->is_var) {
        CpObjKind kind = cp_obj_decl(c->w, object->index)->kind;
        crosses = crosses || kind == CP_OBJ_PIPE || kind == CP_OBJ_SOCKET ||
                  kind == CP_OBJ_DEVICE;
    }
    object->used = true;
    if (crosses || object->owner != CP_NONE) {
        return true;
    }
    if (object->used_by != CP_NONE && object->used_by != me) {
        const char *other =
            cp_workload_text(c->w, cp_proc_decl(c->w, object->used_by)->name);
        cp_diag_error(c->diag, name->pos, "'%s' is used by process '%s' and by '%s'",
                      name->text, other, c->proc->node->text);
        cp_diag_help(c->diag, "declare it 'shared': shared %s %s",
                     cp_resource_word(object->node->value), name->text);
        return false;
    }
    object->used_by = me;
    if (object->is_var) {
        g_array_index(c->w->vars, CpVarDecl, object->index).proc = me;
    } else {
        cp_obj_decl(c->w, object->index)->proc = me;
    }
    return true;
}

/* An asyncio object is awaited, any other blocks: sockets serve both. */
static bool check_async(Cpc *c, const CpNode *name, const char *word, uint32_t obj)
{
    const CpObjDecl *decl = cp_obj_decl(c->w, obj);
    bool awaits = c->awaiting;
    c->awaiting = false;
    bool is_async = decl->flags & CP_OBJ_ASYNC;
    const char *kind = cp_resource_word(decl->kind);
    if (is_async && !awaits && strcmp(word, "release") != 0 &&
        strcmp(word, "signal") != 0 && strcmp(word, "clear") != 0) {
        cp_diag_error(c->diag, name->pos, "'%s' is an async %s", name->text, kind);
        cp_diag_help(c->diag, "write 'await %s %s'",
                     strncmp(word, "for", 3) == 0 ? "for …" : word, name->text);
        return false;
    }
    if (awaits && !is_async && decl->kind != CP_OBJ_SOCKET) {
        cp_diag_error(c->diag, name->pos, "'%s' is a %s of threads and cannot be awaited",
                      name->text, kind);
        cp_diag_help(c->diag, "declare it so: async %s %s", kind, name->text);
        return false;
    }
    return true;
}

/* The lock of a shared variable (multiprocessing.Value), made when first used. */
static uint32_t lock_of_var(Cpc *c, CpcObject *object)
{
    if (object->lock == CP_NONE) {
        g_autofree char *text = g_strdup_printf("%s.lock", object->node->text);
        object->lock = cp_workload_obj(c->w, text, CP_OBJ_RLOCK);
        cp_obj_decl(c->w, object->lock)->flags = CP_OBJ_SHARED;
    }
    object->used = true;
    return object->lock;
}

uint32_t cpc_find_obj(Cpc *c, const CpNode *name, const char *word, uint32_t kinds,
                      CpObjKind *kind)
{
    CpcObject *object = cpc_object(c, name->text);
    if (object == NULL) {
        cpc_unknown(c, name->pos, "name", name->text, c->proc->objects, c->objects, NULL);
        return CP_NONE;
    }
    if (object->is_var) {
        bool own_lock = c->proc->python && (object->node->flags & CP_FLAG_SHARED) &&
                        ((kinds >> CP_OBJ_RLOCK) & 1);
        if (own_lock) {
            *kind = CP_OBJ_RLOCK;
            return lock_of_var(c, object);
        }
        wrong_kind(c, name, word, "var", kinds);
        return CP_NONE;
    }
    *kind = cp_obj_decl(c->w, object->index)->kind;
    if (!((kinds >> *kind) & 1)) {
        wrong_kind(c, name, word, cp_resource_word(*kind), kinds);
        return CP_NONE;
    }
    return check_async(c, name, word, object->index) && claim(c, name, object)
               ? object->index
               : CP_NONE;
}

/* --- timeouts --- */

bool cpc_timeout_reg(Cpc *c, const CpNode *timeout, uint16_t *reg)
{
    *reg = CP_REG_NONE;
    if (is_null(timeout)) {
        return true;
    }
    uint8_t a;
    uint32_t arg;
    if (!cpc_duration(c, timeout, &a, &arg)) {
        return false;
    }
    *reg = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_SAMPLE, a, *reg, arg, timeout);
    return true;
}

bool cpc_timeout_else(Cpc *c, const CpNode *body)
{
    if (is_null(body)) {
        return true;
    }
    uint32_t to_else = cpc_emit(c, CP_OP_JUMP_TIMEOUT, 0, 0, 0, body);
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, body);
    cpc_land(c, to_else);
    bool ok = cpc_body(c, body);
    cpc_land(c, to_end);
    return ok;
}

/* --- time --- */

static bool emit_duration(Cpc *c, const CpNode *node, CpOp op, uint8_t flags, uint16_t b)
{
    uint8_t a;
    uint32_t arg;
    if (!cpc_duration(c, node->child, &a, &arg)) {
        return false;
    }
    cpc_emit(c, op, (uint8_t)(a | flags), b, arg, node);
    return true;
}

static bool do_cpu(Cpc *c, const CpNode *node)
{
    const CpNode *mode = cp_node_at(node, 1);
    if (!is_null(mode) && !c->measure && !c->proc->python) {
        cp_diag_warning(c->diag, mode->pos, "'%s' has no effect in a native process",
                        mode->text);
    }
    bool flagged = c->proc->python && !is_null(mode);
    uint16_t flags = !flagged                           ? 0
                     : strcmp(mode->text, "nogil") == 0 ? CP_COMPUTE_NOGIL
                                                        : CP_COMPUTE_NOCHECK;
    return emit_duration(c, node, CP_OP_COMPUTE, 0, flags);
}

static bool do_spin(Cpc *c, const CpNode *node)
{
    return emit_duration(c, node, CP_OP_SPIN, 0, cpc_reg(c, 1));
}

/* As time.sleep in a coroutine: allowed, and rarely meant. */
static void warn_blocking(Cpc *c, const CpNode *node, const char *word, const char *instead)
{
    if (c->is_async && !c->measure) {
        cp_diag_warning(c->diag, node->pos, "'%s' blocks the event loop", word);
        cp_diag_help(c->diag, "write '%s'", instead);
    }
}

static bool do_wait(Cpc *c, const CpNode *node)
{
    warn_blocking(c, node, "wait", "await wait …");
    return emit_duration(c, node, CP_OP_SLEEP, 0, 0);
}

static bool do_period(Cpc *c, const CpNode *node)
{
    CpcValue v;
    c->periodic = true;
    if (cpc_resolve(c, node->child)->kind == CP_NODE_NUMBER &&
        cpc_is_const(c, node->child, &v) && v.micro == 0) {
        return cp_diag_error(c->diag, node->child->pos, "a period must be above 0");
    }
    uint8_t flags = is_null(cp_node_at(node, 1)) ? 0 : CP_ARG_RELATIVE;
    return emit_duration(c, node, CP_OP_PERIOD, flags, c->proc->grid);
}

/* io disk 64KiB: the device's own service time, if it has one, and the transfer. */
static bool io_size(Cpc *c, const CpNode *node, uint32_t obj)
{
    int64_t bytes = 0;
    if (cp_obj_decl(c->w, obj)->bandwidth == 0) {
        const char *name = node->child->text;
        cp_diag_error(c->diag, cp_node_at(node, 1)->pos, "device '%s' has no bandwidth",
                      name);
        cp_diag_help(c->diag, "write device %s (bandwidth=500MiB), bytes per second", name);
        return false;
    }
    if (!cpc_const_size(c, cp_node_at(node, 1), &bytes)) {
        return false;
    }
    cpc_emit(c, CP_OP_IO, CP_ARG_CONST | CP_ARG_SIZE, (uint16_t)obj, cpc_const(c, bytes),
             node);
    return true;
}

static bool do_io(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    const CpNode *amount = cp_node_at(node, 1);
    uint32_t obj = cpc_find_obj(c, node->child, "io", KIND(DEVICE), &kind);
    if (obj == CP_NONE) {
        return false;
    }
    if (obj > UINT16_MAX) {
        return cp_diag_error(c->diag, node->pos, "more than 65536 resources");
    }
    if (is_null(amount)) {
        if (cp_obj_decl(c->w, obj)->service_arg == CP_ARG_NONE) {
            cp_diag_error(c->diag, node->child->pos, "device '%s' has no service time",
                          node->child->text);
            cp_diag_help(c->diag, "write io %s 4ms, or device %s (service=4ms)",
                         node->child->text, node->child->text);
            return false;
        }
        cpc_emit(c, CP_OP_IO, CP_ARG_NONE, (uint16_t)obj, 0, node);
        return true;
    }
    CpcValue v;
    if (cpc_is_const(c, amount, &v) && v.dim == CP_DIM_SIZE) {
        return io_size(c, node, obj);
    }
    uint8_t a;
    uint32_t arg;
    if (!cpc_duration(c, amount, &a, &arg)) {
        return false;
    }
    cpc_emit(c, CP_OP_IO, a, (uint16_t)obj, arg, node);
    return true;
}

/* --- records and histograms --- */

static uint32_t hist(Cpc *c, const char *name)
{
    return c->measure ? 0 : cp_workload_hist(c->w, name);
}

static bool do_mark(Cpc *c, const CpNode *node)
{
    uint32_t string = c->measure ? 0 : cp_workload_string(c->w, node->child->text);
    cpc_emit(c, CP_OP_MARK, 0, 0, string, node);
    return true;
}

static bool do_respond(Cpc *c, const CpNode *node)
{
    const char *name = is_null(node->child) ? "latency" : node->child->text;
    cpc_emit(c, CP_OP_RESPOND, 0, 0, hist(c, name), node);
    return true;
}

static bool do_timed(Cpc *c, const CpNode *node)
{
    uint16_t begin = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_NOW, 0, begin, 0, node);
    bool ok = cpc_body(c, cp_node_at(node, 1));
    cpc_emit(c, CP_OP_TIMED_END, 0, begin, hist(c, node->child->text), node);
    return ok;
}

/* --- locks --- */

/* The lock of a condition is another object if one was given. */
static uint32_t lock_of(Cpc *c, uint32_t obj, CpObjKind kind)
{
    uint32_t lock = kind == CP_OBJ_CONDITION ? cp_obj_decl(c->w, obj)->lock : CP_NONE;
    return lock != CP_NONE ? lock : obj;
}

static bool do_lock(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    const CpNode *mode = cp_node_at(node, 2);
    const uint32_t kinds = KIND(LOCK) | KIND(RLOCK) | KIND(RWLOCK) | KIND(SEMAPHORE) |
                           KIND(CONDITION) | KIND(OBJECT);
    uint32_t obj = cpc_find_obj(c, node->child, "lock", kinds, &kind);
    if (obj == CP_NONE) {
        return false;
    }
    if (!is_null(mode) && kind != CP_OBJ_RWLOCK) {
        cp_diag_error(c->diag, mode->pos, "'%s' needs a rwlock, '%s' is a %s", mode->text,
                      node->child->text, cp_resource_word(kind));
        cp_diag_help(c->diag, "declare it so: rwlock %s", node->child->text);
        return false;
    }
    bool read = !is_null(mode) && strcmp(mode->text, "read") == 0;
    obj = lock_of(c, obj, kind);
    CpOp take = kind == CP_OBJ_RWLOCK      ? (read ? CP_OP_RLOCK : CP_OP_WLOCK)
                : kind == CP_OBJ_SEMAPHORE ? CP_OP_SEM_WAIT
                                           : CP_OP_LOCK;
    cpc_emit(c, take, 0, CP_REG_NONE, obj, node);
    bool ok = cpc_body(c, cp_node_at(node, 1));
    if (kind == CP_OBJ_SEMAPHORE) {
        cpc_emit(c, CP_OP_SEM_POST, 1, 0, obj, node);
    } else {
        cpc_emit(c, kind == CP_OBJ_RWLOCK ? CP_OP_RWUNLOCK : CP_OP_UNLOCK, 0, 0, obj, node);
    }
    return ok;
}

static bool do_acquire(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    uint16_t reg;
    const uint32_t kinds =
        KIND(LOCK) | KIND(RLOCK) | KIND(SEMAPHORE) | KIND(CONDITION) | KIND(OBJECT);
    uint32_t obj = cpc_find_obj(c, node->child, "acquire", kinds, &kind);
    if (obj == CP_NONE || !cpc_timeout_reg(c, cp_node_at(node, 1), &reg)) {
        return false;
    }
    cpc_emit(c, kind == CP_OBJ_SEMAPHORE ? CP_OP_SEM_WAIT : CP_OP_LOCK, 0, reg,
             lock_of(c, obj, kind), node);
    return cpc_timeout_else(c, cp_node_at(node, 2));
}

static bool do_release(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    int64_t n = 1;
    const CpNode *count = cp_node_at(node, 1);
    const uint32_t kinds =
        KIND(LOCK) | KIND(RLOCK) | KIND(SEMAPHORE) | KIND(CONDITION) | KIND(OBJECT);
    uint32_t obj = cpc_find_obj(c, node->child, "release", kinds, &kind);
    if (obj == CP_NONE) {
        return false;
    }
    if (!is_null(count)) {
        if (kind != CP_OBJ_SEMAPHORE) {
            return cp_diag_error(c->diag, count->pos, "a %s is released once",
                                 cp_resource_word(kind));
        }
        if (!cpc_const_int(c, count, 1, 255, &n)) {
            return false;
        }
    }
    if (kind == CP_OBJ_SEMAPHORE) {
        cpc_emit(c, CP_OP_SEM_POST, (uint8_t)n, 0, obj, node);
    } else {
        cpc_emit(c, CP_OP_UNLOCK, 0, 0, lock_of(c, obj, kind), node);
    }
    return true;
}

static bool do_waitfor(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    uint16_t reg;
    uint32_t obj = cpc_find_obj(c, node->child, "waitfor",
                                KIND(EVENT) | KIND(CONDITION) | KIND(BARRIER), &kind);
    if (obj == CP_NONE || !cpc_timeout_reg(c, cp_node_at(node, 1), &reg)) {
        return false;
    }
    CpOp op = kind == CP_OBJ_EVENT       ? CP_OP_EVENT_WAIT
              : kind == CP_OBJ_CONDITION ? CP_OP_COND_WAIT
                                         : CP_OP_BARRIER;
    cpc_emit(c, op, 0, reg, obj, node);
    return cpc_timeout_else(c, cp_node_at(node, 2));
}

static bool do_signal(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    int64_t n = 1;
    const CpNode *count = cp_node_at(node, 1);
    uint32_t obj =
        cpc_find_obj(c, node->child, "signal", KIND(EVENT) | KIND(CONDITION), &kind);
    if (obj == CP_NONE) {
        return false;
    }
    bool all = count->kind == CP_NODE_NAME && strcmp(count->text, "all") == 0;
    if (kind == CP_OBJ_EVENT) {
        cpc_emit(c, CP_OP_EVENT_SET, 0, 0, obj, node);
        return is_null(count) || all ||
               cp_diag_error(c->diag, count->pos, "an event wakes all waiters");
    }
    if (!is_null(count) && !all && !cpc_const_int(c, count, 1, 254, &n)) {
        return false;
    }
    cpc_emit(c, CP_OP_COND_SIGNAL, all ? 255 : (uint8_t)n, 0, obj, node);
    return true;
}

static bool do_clear(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    uint32_t obj = cpc_find_obj(c, node->child, "clear", KIND(EVENT), &kind);
    if (obj == CP_NONE) {
        return false;
    }
    cpc_emit(c, CP_OP_EVENT_CLEAR, 0, 0, obj, node);
    return true;
}

/* --- queues --- */

#define ITEM_KINDS (KIND(QUEUE) | KIND(PIPE) | KIND(SOCKET))

static bool do_send(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    const CpNode *value = cp_node_at(node, 1);
    const CpNode *size = cp_node_at(node, 2);
    uint16_t reg = CP_REG_NONE;
    bool awaits = c->awaiting;
    uint32_t obj = cpc_find_obj(c, node->child, "send", ITEM_KINDS, &kind);
    if (obj == CP_NONE) {
        return false;
    }
    if (!is_null(size)) {
        int64_t bytes;
        if (!cpc_const_size(c, size, &bytes)) {
            return false;
        }
        reg = cpc_reg(c, 1);
        cpc_emit(c, CP_OP_SET, 0, reg, cpc_const(c, bytes), size);
    }
    if (is_null(value)) {
        cpc_emit(c, CP_OP_SET, 0, CP_REG_VALUE, cpc_const(c, 0), node);
    } else if (!cpc_eval_to(c, value, CP_REG_VALUE, NULL)) {
        return false;
    }
    uint8_t how = (uint8_t)((c->no_block ? CP_IO_DROP : 0) | (awaits ? CP_IO_AWAIT : 0));
    cpc_emit(c, CP_OP_SEND, how, reg, obj, node);
    return true;
}

static bool do_recv(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    uint16_t reg;
    bool awaits = c->awaiting;
    uint32_t obj = cpc_find_obj(c, node->child, "recv", ITEM_KINDS, &kind);
    if (obj == CP_NONE || !cpc_timeout_reg(c, cp_node_at(node, 1), &reg)) {
        return false;
    }
    cpc_emit(c, CP_OP_RECV, awaits ? CP_IO_AWAIT : 0, reg, obj, node);
    return cpc_timeout_else(c, cp_node_at(node, 2));
}

/* Receives until `none` arrives. */
static bool do_recv_each(Cpc *c, const CpNode *node)
{
    CpObjKind kind;
    bool awaits = c->awaiting;
    uint32_t obj = cpc_find_obj(c, cp_node_at(node, 1), "for ... from", ITEM_KINDS, &kind);
    if (obj == CP_NONE) {
        return false;
    }
    uint16_t item = cpc_reg(c, 2); /* item, none */
    uint32_t top =
        cpc_emit(c, CP_OP_RECV, awaits ? CP_IO_AWAIT : 0, CP_REG_NONE, obj, node);
    cpc_emit(c, CP_OP_MOVE, 0, item, CP_REG_VALUE, node);
    cpc_emit(c, CP_OP_SET, 0, (uint16_t)(item + 1), cpc_const(c, CP_ITEM_NONE), node);
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP_IF, CP_EQ, item, 0, node);
    cpc_local_push(c, node->child->text, item, CP_DIM_ANY);
    bool ok = cpc_body(c, cp_node_at(node, 2));
    g_array_set_size(c->locals, c->locals->len - 1);
    cpc_emit(c, CP_OP_JUMP, 0, 0, top, node);
    cpc_land(c, to_end);
    return ok;
}

/* --- calls and threads --- */

bool cpc_check_args(Cpc *c, const CpcTask *task, const CpNode *args)
{
    for (unsigned i = 0; args != NULL; args = args->next, i++) {
        bool literal =
            args->kind == CP_NODE_NUMBER && args->dim == CP_DIM_NUMBER && args->value != 0;
        if (literal && i < 64 && (task->time_params >> i & 1)) {
            g_autofree char *shown = cp_node_print(args);
            return cpc_no_unit(c, args, shown);
        }
    }
    return true;
}

bool cpc_call(Cpc *c, const char *name, const CpNode *args, const CpNode *node)
{
    CpcTask *task = g_hash_table_lookup(c->proc->tasks, name);
    if (task == NULL || !cpc_check_args(c, task, args)) {
        return false;
    }
    unsigned i = 1;
    for (const CpNode *arg = args; arg != NULL; arg = arg->next, i++) {
        if (!cpc_eval_to(c, arg, (uint16_t)(task->base + i), NULL)) {
            return false;
        }
    }
    cpc_emit(c, CP_OP_CALL, 0, (uint16_t)task->base, task->pc, node);
    return true;
}

/* A coroutine function that is called makes a coroutine and runs nothing. */
static bool do_call(Cpc *c, const CpNode *node)
{
    const CpcTask *task = g_hash_table_lookup(c->proc->tasks, node->child->text);
    if (task == NULL || !(task->node->flags & CP_FLAG_ASYNC)) {
        return cpc_call(c, node->child->text, node->child->next, node);
    }
    if (!c->measure) {
        cp_diag_warning(c->diag, node->pos,
                        "'call %s(…)' makes a coroutine and runs nothing",
                        node->child->text);
        cp_diag_help(c->diag, "write 'await %s(…)' or 'create %s(…)'", node->child->text,
                     node->child->text);
    }
    return true;
}

static bool do_spawn(Cpc *c, const CpNode *node)
{
    const CpNode *call = cp_node_at(node, 2);
    const CpNode *index = cp_node_at(node, 5);
    const CpcThread *thread =
        g_hash_table_lookup(c->proc->threads, cp_node_at(node, 1)->text);
    unsigned n = cp_node_count(call);
    uint16_t first = cpc_reg(c, n > 0 ? n : 1);
    if (thread == NULL || thread->task == NULL) {
        return false; /* reported when calls were looked up */
    }
    if (!cpc_check_args(c, thread->task, call->child)) {
        return false;
    }
    CpcValue v;
    if (!is_null(index) && !cpc_eval(c, index, &v)) {
        return false;
    }
    unsigned i = 0;
    for (const CpNode *arg = call->child; arg != NULL; arg = arg->next, i++) {
        if (!cpc_eval_to(c, arg, (uint16_t)(first + i), NULL)) {
            return false;
        }
    }
    cpc_emit(c, CP_OP_SPAWN, (uint8_t)first, (uint16_t)n, thread->index, node);
    return true;
}

static bool do_join(Cpc *c, const CpNode *node)
{
    const CpNode *name = node->child;
    uint16_t reg;
    uint32_t decl = CP_NONE;
    if (strcmp(name->text, "all") != 0) {
        const CpcThread *thread = g_hash_table_lookup(c->proc->threads, name->text);
        if (thread == NULL) {
            return cpc_unknown(c, name->pos, "thread", name->text, c->proc->threads, NULL);
        }
        if (thread->body != NULL) {
            cp_diag_error(c->diag, name->pos, "thread '%s' is not spawned by this thread",
                          name->text);
            cp_diag_help(c->diag,
                         "join waits for spawned threads; here: while running %s "
                         "{ wait 1ms }, or an event",
                         name->text);
            return false;
        }
        decl = thread->index;
    }
    if (!cpc_timeout_reg(c, cp_node_at(node, 1), &reg)) {
        return false;
    }
    cpc_emit(c, CP_OP_JOIN, 0, reg, decl, node);
    return cpc_timeout_else(c, cp_node_at(node, 2));
}

/* --- variables --- */

/* NAME = value: a variable of the workload, or a local name. */
static bool store(Cpc *c, const CpNode *name, uint16_t reg, const CpNode *node)
{
    CpcObject *object = cpc_object(c, name->text);
    if (object == NULL || !object->is_var) {
        bool param = g_hash_table_contains(c->params, name->text);
        if (param || object != NULL) {
            cp_diag_error(c->diag, name->pos, "'%s' is a %s and cannot be set", name->text,
                          param ? "param" : cp_resource_word(object->node->value));
            cp_diag_help(c->diag, "declare a variable: var x = 0");
            return false;
        }
        return cpc_unknown(c, name->pos, "variable", name->text, c->proc->objects,
                           c->objects, NULL);
    }
    if (!claim(c, name, object)) {
        return false;
    }
    cpc_emit(c, CP_OP_STORE, 0, reg, object->index, node);
    return true;
}

static bool do_set(Cpc *c, const CpNode *node)
{
    CpcLocal *local = cpc_local(c, node->child->text);
    uint16_t reg = local != NULL ? local->reg : cpc_reg(c, 1);
    return cpc_eval_to(c, cp_node_at(node, 1), reg, NULL) &&
           (local != NULL || store(c, node->child, reg, node));
}

static bool do_add(Cpc *c, const CpNode *node)
{
    const CpNode *name = node->child;
    CpcLocal *local = cpc_local(c, name->text);
    uint16_t regs = cpc_reg(c, 2);
    uint16_t second = (uint16_t)(regs + 1);
    if (!cpc_eval_to(c, cp_node_at(node, 1), second, NULL)) {
        return false;
    }
    uint16_t to = local != NULL ? local->reg : regs;
    CpcObject *object = local == NULL ? cpc_object(c, name->text) : NULL;
    if (object != NULL && object->is_var && c->proc->python) {
        bool call = !is_null(cp_node_at(node, 2));
        cpc_emit(c, CP_OP_VAR_ADD, call, second, object->index, node);
        return claim(c, name, object);
    }
    if (object != NULL && object->is_var) {
        cpc_emit(c, CP_OP_LOAD, 0, to, object->index, node);
    }
    cpc_emit(c, CP_OP_ARITH, CP_ADD, to, (uint32_t)to | (uint32_t)second << 16, node);
    return local != NULL || store(c, name, to, node);
}

/* --- loops --- */

static bool do_repeat(Cpc *c, const CpNode *node)
{
    CpcValue v;
    uint16_t regs = cpc_reg(c, 2);
    const CpNode *count = node->child;
    uint32_t skip = CP_NONE;
    if (cpc_is_const(c, count, &v)) {
        int64_t n;
        if (!cpc_const_int(c, count, 0, INT64_MAX, &n)) {
            return false;
        }
        skip = n == 0 ? cpc_emit(c, CP_OP_JUMP, 0, 0, 0, node) : CP_NONE;
        cpc_emit(c, CP_OP_SET, 0, regs, cpc_const(c, n), node);
    } else {
        CpDim dim = CP_DIM_ANY;
        if (!cpc_eval_to(c, count, regs, &dim)) {
            return false;
        }
        if (dim != CP_DIM_ANY && dim != CP_DIM_NUMBER) {
            return cp_diag_error(c->diag, count->pos, "expected a plain number");
        }
        cpc_emit(c, CP_OP_SET, 0, (uint16_t)(regs + 1), cpc_const(c, 0), node);
        skip = cpc_emit(c, CP_OP_JUMP_IF, CP_LE, regs, 0, node);
    }
    uint32_t top = cpc_pc(c);
    bool ok = cpc_body(c, cp_node_at(node, 1));
    cpc_emit(c, CP_OP_LOOP, 0, regs, top, node);
    if (skip != CP_NONE) {
        cpc_land(c, skip);
    }
    return ok;
}

/* A range whose ends are known at run time only, or that is long: counted, not stored. */
static bool for_range(Cpc *c, const CpNode *node, const CpNode *range)
{
    uint16_t regs = cpc_reg(c, 3); /* entry, last, 1 */
    uint16_t last = (uint16_t)(regs + 1);
    uint16_t one = (uint16_t)(regs + 2);
    CpDim dims[2] = {CP_DIM_ANY, CP_DIM_ANY};
    for (unsigned i = 0; i < 2; i++) {
        const CpNode *end = cp_node_at(range, i);
        if (!cpc_eval_to(c, end, (uint16_t)(regs + i), &dims[i])) {
            return false;
        }
        if (dims[i] != CP_DIM_NUMBER && dims[i] != CP_DIM_ANY) {
            return cp_diag_error(c->diag, end->pos, "a range counts plain numbers");
        }
    }
    cpc_emit(c, CP_OP_SET, 0, one, cpc_const(c, 1), node);
    uint32_t top = cpc_pc(c);
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP_IF, CP_GT, regs, 0, node);
    /* The body gets a copy: setting the name must not change the count. */
    uint16_t entry = cpc_reg(c, 1);
    cpc_emit(c, CP_OP_MOVE, 0, entry, regs, node);
    cpc_local_push(c, node->child->text, entry, CP_DIM_NUMBER);
    bool ok = cpc_body(c, cp_node_at(node, 2));
    g_array_set_size(c->locals, c->locals->len - 1);
    cpc_emit(c, CP_OP_ARITH, CP_ADD, regs, (uint32_t)regs | (uint32_t)one << 16, node);
    cpc_emit(c, CP_OP_JUMP, 0, 0, top, node);
    cpc_land(c, to_end);
    (void)last; /* names the middle register of the three */
    return ok;
}

static bool do_for(Cpc *c, const CpNode *node)
{
    const CpNode *list = cp_node_at(node, 1);
    const CpNode *behind = cpc_resolve(c, list);
    if (behind->kind == CP_NODE_RANGE) {
        return for_range(c, node, behind);
    }
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(int64_t));
    CpDim dim;
    if (!cpc_const_list(c, list, values, &dim)) {
        return false;
    }
    uint16_t regs = cpc_reg(c, 4); /* index, length, entry, 1 */
    uint16_t length = (uint16_t)(regs + 1);
    uint16_t entry = (uint16_t)(regs + 2);
    uint16_t one = (uint16_t)(regs + 3);
    cpc_emit(c, CP_OP_SET, 0, regs, cpc_const(c, 0), node);
    cpc_emit(c, CP_OP_SET, 0, length, cpc_const(c, values->len), node);
    cpc_emit(c, CP_OP_SET, 0, one, cpc_const(c, 1), node);
    uint32_t top = cpc_pc(c);
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP_IF, CP_GE, regs, 0, node);
    cpc_emit(c, CP_OP_LIST_GET, (uint8_t)regs, entry, cpc_list(c, values), node);
    cpc_local_push(c, node->child->text, entry, dim);
    bool ok = cpc_body(c, cp_node_at(node, 2));
    g_array_set_size(c->locals, c->locals->len - 1);
    cpc_emit(c, CP_OP_ARITH, CP_ADD, regs, (uint32_t)regs | (uint32_t)one << 16, node);
    cpc_emit(c, CP_OP_JUMP, 0, 0, top, node);
    cpc_land(c, to_end);
    return ok;
}

static bool do_until(Cpc *c, const CpNode *node)
{
    uint8_t a;
    uint32_t arg;
    uint16_t end = cpc_reg(c, 1);
    if (!cpc_duration(c, node->child, &a, &arg)) {
        return false;
    }
    cpc_emit(c, CP_OP_SAMPLE, a, end, arg, node);
    uint32_t to_check = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, node);
    uint32_t top = cpc_pc(c);
    bool ok = cpc_body(c, cp_node_at(node, 1));
    cpc_land(c, to_check);
    cpc_emit(c, CP_OP_JUMP_BEFORE, 0, end, top, node);
    return ok;
}

/* Whether a body may take time or end the thread: a loop over nothing else never ends. */
static bool may_pass_time(const CpNode *body)
{
    for (const CpNode *s = body->child; s != NULL; s = s->next) {
        if (s->kind != CP_NODE_SET && s->kind != CP_NODE_ADD && s->kind != CP_NODE_MARK &&
            s->kind != CP_NODE_SIGNAL && s->kind != CP_NODE_CLEAR) {
            return true;
        }
    }
    return false;
}

static bool do_forever(Cpc *c, const CpNode *node)
{
    if (!c->measure && !may_pass_time(node->child)) {
        cp_diag_warning(c->diag, node->pos, "this loop never lets time pass");
    }
    uint32_t top = cpc_pc(c);
    bool ok = cpc_body(c, node->child);
    cpc_emit(c, CP_OP_JUMP, 0, 0, top, node);
    return ok;
}

static bool do_while(Cpc *c, const CpNode *node)
{
    uint32_t top = cpc_pc(c);
    uint32_t to_end = CP_NONE;
    int known = cpc_cond_known(c, node->child);
    if (known == -2 || (known == -1 && !cpc_jump_unless(c, node->child, &to_end))) {
        return false;
    }
    if (known == 0) {
        to_end = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, node);
    }
    bool ok = cpc_body(c, cp_node_at(node, 1));
    cpc_emit(c, CP_OP_JUMP, 0, 0, top, node);
    if (to_end != CP_NONE) {
        cpc_land(c, to_end);
    }
    return ok;
}

/* --- arrivals --- */

/* Bodies of nothing but these run at the instant of the arrival, outside any CPU. */
static bool is_instant(const CpNode *body)
{
    static const uint8_t kinds[] = {CP_NODE_SEND, CP_NODE_SIGNAL, CP_NODE_RELEASE,
                                    CP_NODE_SET,  CP_NODE_ADD,    CP_NODE_MARK,
                                    CP_NODE_SPAWN};
    for (const CpNode *s = body->child; s != NULL; s = s->next) {
        bool instant = memchr(kinds, s->kind, sizeof kinds) != NULL;
        if (s->kind == CP_NODE_IF) {
            instant = is_instant(cp_node_at(s, 1)) && is_instant(cp_node_at(s, 2));
        } else if (s->kind == CP_NODE_CHOOSE) {
            instant = true;
            for (const CpNode *k = s->child; k != NULL; k = k->next) {
                instant = instant && is_instant(cp_node_at(k, 1));
            }
        }
        if (!instant) {
            return false;
        }
    }
    return true;
}

static bool arrival_gap(Cpc *c, const CpNode *gap, CpArrivalsDecl *decl)
{
    if (gap->kind == CP_NODE_STRING) {
        g_autoptr(GArray) times = g_array_new(FALSE, FALSE, sizeof(int64_t));
        decl->arg = CP_ARG_NONE;
        if (!cpc_read_times(c, gap, times)) {
            return false;
        }
        decl->gap = cpc_list(c, times);
        return true;
    }
    CpcValue v;
    if (cpc_resolve(c, gap)->kind != CP_NODE_DIST && cpc_is_const(c, gap, &v) &&
        v.micro <= 0) {
        return cp_diag_error(c->diag, gap->pos,
                             "the time between arrivals must be above 0");
    }
    return cpc_duration(c, gap, &decl->arg, &decl->gap);
}

static bool do_arrivals(Cpc *c, const CpNode *node)
{
    const CpNode *body = cp_node_at(node, 1);
    const CpNode *until = cp_node_at(node, 2);
    CpArrivalsDecl decl = {.until = CP_NEVER, .instant = is_instant(body)};
    if (!arrival_gap(c, node->child, &decl) ||
        (!is_null(until) && !cpc_const_time(c, until, &decl.until))) {
        return false;
    }
    uint16_t next = cpc_reg(c, 2); /* next arrival, how many there were */
    uint32_t row = c->measure ? 0 : c->w->arrivals->len;
    if (!c->measure) {
        g_array_append_val(c->w->arrivals, decl);
    }
    cpc_emit(c, CP_OP_SET, 0, next, cpc_const(c, 0), node);
    cpc_emit(c, CP_OP_SET, 0, (uint16_t)(next + 1), cpc_const(c, 0), node);
    cpc_emit(c, CP_OP_ARRIVALS, 0, next, row, node);
    bool outer = c->no_block;
    c->no_block = decl.instant;
    bool ok = cpc_body(c, body);
    c->no_block = outer;
    cpc_emit(c, CP_OP_ARRIVE_END, 0, next, row, node);
    if (!c->measure) {
        g_array_index(c->w->arrivals, CpArrivalsDecl, row).end = cpc_pc(c);
    }
    return ok;
}

/* --- choices --- */

static bool case_share(Cpc *c, const CpNode *node, int64_t *ppm)
{
    CpcValue v;
    const CpNode *share = node->child;
    if (!cpc_is_const(c, share, &v)) {
        return cp_diag_error(c->diag, share->pos, "expected a share known before the run");
    }
    /* JSON writes shares as {"percent": n}; a share's millionths are ppm. */
    if (v.dim != CP_DIM_SHARE || v.micro < 0 || v.micro > MICRO) {
        g_autofree char *shown = cp_node_print(share);
        cp_diag_error(c->diag, share->pos, "'%s' is not a share", shown);
        cp_diag_help(c->diag, "write a percentage from 0%% to 100%%");
        return false;
    }
    *ppm = (int64_t)v.micro;
    return true;
}

/* One draw a case, each with its share of what the cases before have left. */
static bool do_choose(Cpc *c, const CpNode *node)
{
    g_autoptr(GArray) ends = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    int64_t left = MICRO;
    bool ok = true;
    for (const CpNode *k = node->child; k != NULL; k = k->next) {
        int64_t ppm = 0;
        if (!case_share(c, k, &ppm)) {
            return false;
        }
        if (ppm > left) {
            cp_diag_error(c->diag, k->child->pos, "the shares add up to more than 100 %%");
            return false;
        }
        int64_t chance = left > 0 ? (ppm * MICRO + left / 2) / left : 0;
        uint32_t row = cpc_const(c, chance);
        if (row > UINT16_MAX) {
            return cp_diag_error(c->diag, k->pos,
                                 "more than 65536 different constants before "
                                 "this 'choose'");
        }
        left -= ppm;
        uint32_t to_case = cpc_emit(c, CP_OP_JUMP_CHANCE, 0, (uint16_t)row, 0, k);
        uint32_t to_next = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, k);
        cpc_land(c, to_case);
        ok = cpc_body(c, cp_node_at(k, 1)) && ok;
        uint32_t to_end = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, k);
        g_array_append_val(ends, to_end);
        cpc_land(c, to_next);
    }
    for (guint i = 0; i < ends->len; i++) {
        cpc_land(c, g_array_index(ends, uint32_t, i));
    }
    return ok;
}

/* A condition known before the run leaves only one side, but both are checked. */
static bool if_known(Cpc *c, const CpNode *node, bool holds)
{
    const CpNode *other = cp_node_at(node, holds ? 2 : 1);
    const CpNode *taken = cp_node_at(node, holds ? 1 : 2);
    bool ok = true;
    if (c->measure && !is_null(other)) {
        ok = cpc_body(c, other);
    }
    return (is_null(taken) || cpc_body(c, taken)) && ok;
}

static bool do_if(Cpc *c, const CpNode *node)
{
    const CpNode *other = cp_node_at(node, 2);
    int known = cpc_cond_known(c, node->child);
    if (known == -2) {
        return false;
    }
    if (known >= 0) {
        return if_known(c, node, known == 1);
    }
    uint32_t to_else;
    if (!cpc_jump_unless(c, node->child, &to_else)) {
        return false;
    }
    bool ok = cpc_body(c, cp_node_at(node, 1));
    if (is_null(other)) {
        cpc_land(c, to_else);
        return ok;
    }
    uint32_t to_end = cpc_emit(c, CP_OP_JUMP, 0, 0, 0, node);
    cpc_land(c, to_else);
    ok = cpc_body(c, other) && ok;
    cpc_land(c, to_end);
    return ok;
}

/* --- attributes --- */

static bool do_nice(Cpc *c, const CpNode *node)
{
    int64_t nice;
    if (!cpc_const_int(c, node->child, -20, 19, &nice)) {
        return false;
    }
    cpc_emit(c, CP_OP_SET_NICE, 0, 0, cpc_const(c, nice), node);
    return true;
}

static bool do_affinity(Cpc *c, const CpNode *node)
{
    uint32_t mask;
    if (!cpc_mask(c, node->child, &mask)) {
        return false;
    }
    cpc_emit(c, CP_OP_SET_AFFINITY, 0, 0, mask, node);
    return true;
}

/* policy NAME (attrs): the same checks as for a thread's attributes. */
static bool do_policy(Cpc *c, const CpNode *node)
{
    const CpNode *opts = cp_node_at(node, 1);
    CpThreadDecl thread = {.attr = cp_sched_attr_default()};
    CpNode name = *node->child;
    name.next = NULL;
    CpNode policy = {
        .kind = CP_NODE_OPT, .pos = name.pos, .text = "policy", .child = &name};
    policy.next = opts->child;
    CpNode all = *opts;
    all.pos = name.pos;
    all.child = &policy;
    if (!cpc_thread_keys(c, &all, &thread)) {
        return false;
    }
    uint32_t row = c->measure ? 0 : c->w->attrs->len;
    if (!c->measure) {
        g_array_append_val(c->w->attrs, thread.attr);
    }
    cpc_emit(c, CP_OP_SET_SCHED, 0, 0, row, node);
    return true;
}

/* --- statements without operands --- */

static bool do_yield(Cpc *c, const CpNode *node)
{
    cpc_emit(c, CP_OP_YIELD, 0, 0, 0, node);
    return true;
}

static bool do_stop(Cpc *c, const CpNode *node)
{
    cpc_emit(c, CP_OP_STOP, 0, 0, 0, node);
    return true;
}

static bool do_exit(Cpc *c, const CpNode *node)
{
    cpc_emit(c, CP_OP_EXIT_PROCESS, 0, 0, 0, node);
    return true;
}

static const Compile compilers[] = {
    [CP_NODE_CPU] = do_cpu,
    [CP_NODE_WAIT] = do_wait,
    [CP_NODE_LOCK] = do_lock,
    [CP_NODE_SPAWN] = do_spawn,
    [CP_NODE_JOIN] = do_join,
    [CP_NODE_SPIN] = do_spin,
    [CP_NODE_IO] = do_io,
    [CP_NODE_PERIOD] = do_period,
    [CP_NODE_YIELD] = do_yield,
    [CP_NODE_MARK] = do_mark,
    [CP_NODE_RESPOND] = do_respond,
    [CP_NODE_TIMED] = do_timed,
    [CP_NODE_ACQUIRE] = do_acquire,
    [CP_NODE_RELEASE] = do_release,
    [CP_NODE_WAITFOR] = do_waitfor,
    [CP_NODE_SIGNAL] = do_signal,
    [CP_NODE_CLEAR] = do_clear,
    [CP_NODE_SEND] = do_send,
    [CP_NODE_RECV] = do_recv,
    [CP_NODE_RECV_EACH] = do_recv_each,
    [CP_NODE_CALL] = do_call,
    [CP_NODE_SET] = do_set,
    [CP_NODE_ADD] = do_add,
    [CP_NODE_REPEAT] = do_repeat,
    [CP_NODE_FOR] = do_for,
    [CP_NODE_UNTIL] = do_until,
    [CP_NODE_FOREVER] = do_forever,
    [CP_NODE_WHILE] = do_while,
    [CP_NODE_ARRIVALS] = do_arrivals,
    [CP_NODE_CHOOSE] = do_choose,
    [CP_NODE_IF] = do_if,
    [CP_NODE_NICE] = do_nice,
    [CP_NODE_AFFINITY] = do_affinity,
    [CP_NODE_POLICY] = do_policy,
    [CP_NODE_STOP] = do_stop,
    [CP_NODE_EXIT] = do_exit,
};

/* Registers a statement takes are free again after it. */
bool cpc_body(Cpc *c, const CpNode *body)
{
    bool ok = true;
    for (const CpNode *s = body->child; s != NULL; s = s->next) {
        uint32_t save = c->reg;
        ok = (cp_stmt_is_python((CpNodeKind)s->kind) ? cpc_python(c, s)
                                                     : compilers[s->kind](c, s)) &&
             ok;
        c->reg = save;
    }
    return ok;
}
