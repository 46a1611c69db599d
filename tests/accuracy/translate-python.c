/* Lists of JSON operations: threads under an interpreter's lock, processes, pools, event
 * loops.  See the README of a folder of measurements for the operations. */
#include "tests/accuracy/translate.h"

#include "models/ops.h"
#include "models/python/declare.h"
#include "sim/error.h"

#include <stdlib.h>
#include <string.h>

enum { FUTURES_MAX = 200, NEST_MAX = 8, CHUNK_NS = 100000, MESSAGE_BYTES = 8 };

/* The check of speed around a measurement reads that much too high (burst over it). */
#define CALIB_HIGH 0.95

/* Registers of threads and tasks.  R_NONE stands behind VALUE so that the two can be
 * compared. */
enum {
    R_NONE = CP_REG_FREE,
    R_A,
    R_B,
    R_GRID,  /* when a message was sent; in tasks a second group */
    R_GROUP, /* group of awaitables; in threads the grid of periods */
    R_LOOP,  /* counters, one a level */
    R_COUNT = R_LOOP + NEST_MAX,
};

typedef struct {
    CpWorkload *w;
    const Reality *reality;
    yajl_val scenario, model, measured;
    const Repetition *rep;
    GHashTable *objs; /* "kind name" to object + 1 */
    GPtrArray *units; /* names of threads and processes but main, in order; borrowed */
    CpProcId proc;
    uint32_t mask, first_unit; /* declaration of units[0] */
    GPtrArray *locks;          /* names locked by the body being emitted, in order */
    unsigned depth;
    bool times_sleeps;      /* lateness of sleeps goes into a histogram */
    bool is_peer;           /* the process at the other end */
    bool is_task;           /* a coroutine is being emitted */
    uint32_t out[NEST_MAX]; /* jumps to the end of loop_until_none to be patched */
    unsigned n_out;
    bool daemons;      /* threads that may never end */
    int64_t mark;      /* of the thread being emitted, 0: it counts no hand-overs */
    uint32_t index, n; /* of the task being emitted, for formulas */
    GError *error;
} Py;

static void operations(Py *p, yajl_val ops);

static void fail(Py *p, const char *what, const char *name)
{
    if (p->error == NULL) {
        g_set_error(&p->error, CP_ERROR, CP_ERROR_MODEL, "%s '%s'", what, name);
    }
}

/* --- emitting --- */

static uint32_t emit(Py *p, CpOp op, uint8_t a, uint32_t b, uint32_t c)
{
    return cp_workload_emit(p->w, op, a, (uint16_t)b, c, 0);
}

static uint32_t constant(Py *p, int64_t value)
{
    return cp_workload_const(p->w, value);
}

static void set(Py *p, uint32_t reg, int64_t value)
{
    emit(p, CP_OP_SET, 0, reg, constant(p, value));
}

static void compute(Py *p, CpTime work, uint32_t flags)
{
    if (work > 0) {
        emit(p, CP_OP_COMPUTE, CP_ARG_CONST, flags, constant(p, work));
    }
}

static void patch(Py *p, uint32_t pc)
{
    cp_insn(p->w, pc)->c = cp_workload_pc(p->w);
}

/* --- the parts of an operation --- */

static yajl_val item(yajl_val op, size_t i)
{
    return i < length(op) ? YAJL_GET_ARRAY(op)->values[i] : NULL;
}

static CpTime us_of(yajl_val v)
{
    return (CpTime)(number(v, 0) * 1000 + 0.5);
}

/* A name, or a number as one. */
static const char *name_of(yajl_val v)
{
    return v != NULL && YAJL_IS_NUMBER(v) ? YAJL_GET_NUMBER(v) : text(v);
}

/* Declared at first use; objects of processes are shared. */
static uint32_t object(Py *p, CpObjKind kind, const char *name, int64_t n, bool shared)
{
    g_autofree char *key = g_strdup_printf("%d %s", (int)kind, name);
    uint32_t known = GPOINTER_TO_UINT(g_hash_table_lookup(p->objs, key));
    if (known != 0) {
        return known - 1;
    }
    uint32_t row = cp_workload_obj(p->w, name, kind);
    CpObjDecl *d = cp_obj_decl(p->w, row);
    d->n = n;
    d->proc = shared ? CP_NONE : p->proc;
    d->flags = shared ? CP_OBJ_SHARED : 0;
    g_hash_table_insert(p->objs, g_steal_pointer(&key), GUINT_TO_POINTER(row + 1));
    return row;
}

/* Declaration of a thread or process by name. */
static uint32_t unit(Py *p, const char *name)
{
    for (guint i = 0; i < p->units->len; i++) {
        if (strcmp(g_ptr_array_index(p->units, i), name) == 0) {
            return p->first_unit + i;
        }
    }
    fail(p, "no thread or process", name);
    return 0;
}

static bool is_process(const Py *p, const char *name)
{
    return member(member(p->model, "processes"), name) != NULL;
}

/* "3.12.1" of "CPython 3.12.1"; the free-threaded build is taken for a near release. */
static char *version_of(const Py *p)
{
    const char *name = text_at(p->scenario, "interpreter");
    const char *digit = strpbrk(name, "0123456789");
    bool is_free = strstr(name, "free-threaded") != NULL;
    if (digit == NULL) {
        return g_strdup("3.12");
    }
    if (is_free) {
        return g_strdup("3.14t");
    }
    g_auto(GStrv) part = g_strsplit(digit, ".", 3);
    return g_strdup_printf("%s.%s", part[0], part[1] != NULL ? part[1] : "0");
}

/* Cost of an operation of the measured interpreter, ns. */
static CpTime overhead(const Py *p, const char *key)
{
    const char *digit = strpbrk(text_at(p->scenario, "interpreter"), "0123456789");
    yajl_val costs = NULL;
    if (digit != NULL) {
        g_auto(GStrv) words = g_strsplit(digit, " ", 2);
        costs = member(member(p->reality->overheads, words[0]), "costs");
    }
    return us_of(member(member(costs, key), "median"));
}

/* A variable, made at first use; the counter is a global of one process, the others stand
 * for what passes between threads or processes. */
static uint32_t variable(Py *p, const char *name)
{
    uint32_t string = cp_workload_string(p->w, name);
    for (uint32_t i = 0; i < p->w->vars->len; i++) {
        if (g_array_index(p->w->vars, CpVarDecl, i).name == string) {
            return i;
        }
    }
    CpVarDecl decl = {
        .name = string, .proc = p->proc, .shared = strcmp(name, "count") != 0};
    g_array_append_val(p->w->vars, decl);
    return p->w->vars->len - 1;
}

/* --- operations --- */

/* The programs' count of hand-overs: a thread that meets another's mark replaces it. */
static void op_mark(Py *p)
{
    if (p->mark == 0) {
        return;
    }
    uint32_t last = variable(p, "last"), count = variable(p, HANDOFFS_VARIABLE);
    emit(p, CP_OP_LOAD, 0, R_A, last);
    set(p, R_B, p->mark);
    uint32_t own = emit(p, CP_OP_JUMP_IF, CP_EQ, R_A, 0);
    emit(p, CP_OP_STORE, 0, R_B, last);
    emit(p, CP_OP_LOAD, 0, R_A, count);
    set(p, R_B, 1);
    emit(p, CP_OP_ARITH, CP_ADD, R_A, R_A | (uint32_t)R_B << 16);
    emit(p, CP_OP_STORE, 0, R_A, count);
    patch(p, own);
}

/* A burst is made in pieces, each followed by a look at the mark. */
static void op_burst(Py *p, CpTime work)
{
    CpTime piece = (CpTime)(CHUNK_NS * p->rep->scale);
    if (p->mark == 0 || p->depth >= NEST_MAX) {
        compute(p, work, 0);
        return;
    }
    if (work > piece) {
        uint32_t reg = R_LOOP + p->depth;
        set(p, reg, (work - 1) / piece);
        uint32_t top = cp_workload_pc(p->w);
        compute(p, piece, 0);
        op_mark(p);
        emit(p, CP_OP_LOOP, 0, reg, top);
        work -= (work - 1) / piece * piece;
    }
    compute(p, work, 0);
    op_mark(p);
}

static void op_run(Py *p, yajl_val length_us, bool released)
{
    const char *symbol = text(length_us);
    if (strcmp(symbol, "increment") == 0) {
        set(p, R_A, 1);
        emit(p, CP_OP_VAR_ADD, 0, R_A, variable(p, "count"));
        op_mark(p);
    } else if (strcmp(symbol, "value_rmw") == 0) {
        compute(p, overhead(p, "mp_value_locked_increment"), 0);
    } else if (strcmp(symbol, "solo_call_us") == 0) {
        yajl_val solo = member(member(p->measured, "figures"), "solo_call_us");
        yajl_val median = member(solo, "median");
        compute(p, us_of(median != NULL ? median : solo), released ? CP_COMPUTE_NOGIL : 0);
    } else if (*symbol != '\0') {
        fail(p, "unknown length of a burst", symbol);
    } else {
        CpTime work = (CpTime)(number(length_us, 0) * 1000 * p->rep->scale + 0.5);
        if (released) {
            compute(p, work, CP_COMPUTE_NOGIL);
        } else {
            op_burst(p, work);
        }
    }
}

/* "(lo+(hi-lo)*i/n)*1000" is the one formula models have: even steps from lo to hi. */
static CpTime formula(Py *p, yajl_val v)
{
    yajl_val tasks = member(p->model, "tasks");
    if (v == NULL || YAJL_IS_NUMBER(v)) {
        return us_of(v);
    }
    double lo = number_at(tasks, "lo_ms", NAN), hi = number_at(tasks, "hi_ms", NAN);
    if (isnan(lo) || isnan(hi) || strcmp(text(v), "(lo+(hi-lo)*i/n)*1000") != 0) {
        fail(p, "unknown formula", text(v));
        return 0;
    }
    return (CpTime)((lo + (hi - lo) * p->index / MAX(p->n, 1)) * 1e6);
}

/* The programs leave a sleep of length 0 out. */
static void op_await_sleep(Py *p, CpTime length_ns)
{
    if (length_ns == 0) {
        return;
    }
    if (p->times_sleeps) {
        emit(p, CP_OP_NOW, 0, R_A, 0);
        set(p, R_B, length_ns);
        emit(p, CP_OP_ARITH, CP_ADD, R_A, R_A | (uint32_t)R_B << 16);
    }
    emit(p, CP_OP_AWAIT_SLEEP, CP_ARG_CONST, 0, constant(p, length_ns));
    if (p->times_sleeps) {
        emit(p, CP_OP_TIMED_END, 0, R_A, cp_workload_hist(p->w, "lag_us"));
    }
}

static void op_loop(Py *p, yajl_val count, yajl_val body)
{
    if (p->depth >= NEST_MAX) {
        fail(p, "too deep", "loop");
        return;
    }
    uint32_t reg = R_LOOP + p->depth++;
    bool forever = strcmp(text(count), "forever") == 0;
    set(p, reg, (int64_t)number(count, 1));
    uint32_t top = cp_workload_pc(p->w);
    operations(p, body);
    if (forever) {
        p->daemons = true;
        emit(p, CP_OP_JUMP, 0, 0, top);
    } else {
        emit(p, CP_OP_LOOP, 0, reg, top);
    }
    p->depth--;
}

static void op_get(Py *p, yajl_val name, bool leaves_loop)
{
    emit(p, CP_OP_RECV, p->is_task ? CP_IO_AWAIT : 0, CP_REG_NONE,
         object(p, CP_OBJ_QUEUE, name_of(name), 0, false));
    if (leaves_loop && p->n_out < NEST_MAX) {
        set(p, R_NONE, 0);
        p->out[p->n_out++] = emit(p, CP_OP_JUMP_IF, CP_EQ, CP_REG_VALUE, 0);
    }
}

static void op_put(Py *p, yajl_val name, int64_t value)
{
    set(p, CP_REG_VALUE, value);
    emit(p, CP_OP_SEND, p->is_task ? CP_IO_AWAIT : 0, CP_REG_NONE,
         object(p, CP_OBJ_QUEUE, name_of(name), 0, false));
}

/* Ends when the get inside takes None. */
static void op_until_none(Py *p, yajl_val body)
{
    unsigned outer = p->n_out;
    uint32_t top = cp_workload_pc(p->w);
    for (size_t i = 0; i < length(body); i++) {
        yajl_val op = YAJL_GET_ARRAY(body)->values[i];
        if (strcmp(text(item(op, 0)), "get") == 0) {
            op_get(p, item(op, 1), true);
        } else {
            operations(p, op);
        }
    }
    emit(p, CP_OP_JUMP, 0, 0, top);
    while (p->n_out > outer) {
        patch(p, p->out[--p->n_out]);
    }
}

/* Set at the end of a thread that others wait for with run_until_done. */
static uint32_t done_variable(Py *p, const char *name)
{
    g_autofree char *full = g_strdup_printf("done.%s", name);
    return variable(p, full);
}

static void op_run_until_done(Py *p, yajl_val name)
{
    uint32_t top = cp_workload_pc(p->w);
    compute(p, (CpTime)(CHUNK_NS * p->rep->scale), 0);
    emit(p, CP_OP_LOAD, 0, R_A, done_variable(p, text(name)));
    set(p, R_B, 0);
    emit(p, CP_OP_JUMP_IF, CP_EQ, R_A, top);
}

/* Bytes on a socket between processes. */
static void op_message(Py *p, bool is_send, yajl_val name)
{
    uint32_t obj = object(p, CP_OBJ_SOCKET, text(name), 0, true);
    if (is_send) {
        emit(p, CP_OP_NOW, 0, CP_REG_RELEASE, 0);
        emit(p, CP_OP_NOW, 0, R_GRID, 0);
        set(p, R_A, MESSAGE_BYTES);
        emit(p, CP_OP_SEND, 0, R_A, obj);
    } else {
        emit(p, CP_OP_RECV, 0, CP_REG_NONE, obj);
        emit(p, CP_OP_TIMED_END, 0, p->is_peer ? R_GRID : CP_REG_RELEASE,
             cp_workload_hist(p->w, p->is_peer ? "rtt_us" : "recv_lat_us"));
    }
}

static void op_period(Py *p, yajl_val period)
{
    set(p, R_A, us_of(period));
    emit(p, CP_OP_ARITH, CP_ADD, R_GROUP, R_GROUP | (uint32_t)R_A << 16);
    emit(p, CP_OP_SLEEP_UNTIL, 0, R_GROUP, 0);
}

/* "first" and "second" stand for the locks in the order the thread took them. */
static const char *lock_name(Py *p, yajl_val v)
{
    const char *name = text(v);
    guint at = strcmp(name, "first") == 0 ? 0 : strcmp(name, "second") == 0 ? 1 : UINT_MAX;
    if (at < p->locks->len) {
        return g_ptr_array_index(p->locks, at);
    }
    return name;
}

static void op_lock(Py *p, yajl_val v, bool take, bool shared)
{
    const char *name = lock_name(p, v);
    uint32_t obj = object(p, CP_OBJ_LOCK, name, 0, shared);
    if (take) {
        g_ptr_array_add(p->locks, (void *)(uintptr_t)name);
        emit(p, CP_OP_LOCK, 0, CP_REG_NONE, obj);
    } else {
        emit(p, CP_OP_UNLOCK, 0, 0, obj);
    }
}

static bool uses(yajl_val ops, const char *word, const char *object)
{
    GQueue todo = G_QUEUE_INIT;
    bool found = false;
    g_queue_push_tail(&todo, ops);
    while (!g_queue_is_empty(&todo)) {
        yajl_val v = g_queue_pop_head(&todo);
        found = found || (strcmp(text(item(v, 0)), word) == 0 &&
                          (object == NULL || strcmp(text(item(v, 1)), object) == 0));
        for (size_t k = 0; k < length(v); k++) {
            g_queue_push_tail(&todo, YAJL_GET_ARRAY(v)->values[k]);
        }
    }
    return found;
}

bool python_threads_use(yajl_val scenario, const char *word)
{
    yajl_val threads = member(member(scenario, "model"), "threads");
    for (size_t i = 0; threads != NULL && i < YAJL_GET_OBJECT(threads)->len; i++) {
        if (uses(YAJL_GET_OBJECT(threads)->values[i], word, NULL)) {
            return true;
        }
    }
    return false;
}

/* How many threads use an operation on an object: the parties of a barrier. */
static int64_t users(const Py *p, const char *op, const char *name)
{
    yajl_val threads = member(p->model, "threads");
    int64_t n = 0;
    for (size_t i = 0; threads != NULL && i < YAJL_GET_OBJECT(threads)->len; i++) {
        n += uses(YAJL_GET_OBJECT(threads)->values[i], op, name);
    }
    return n;
}

/* A condition with a count of tokens under its own lock. */
static uint32_t condition(Py *p, const char *name, uint32_t *lock, uint32_t *var)
{
    uint32_t cond = object(p, CP_OBJ_CONDITION, name, 0, false);
    g_autofree char *lock_of = g_strdup_printf("%s.lock", name);
    *lock = object(p, CP_OBJ_LOCK, lock_of, 0, false);
    cp_obj_decl(p->w, cond)->lock = *lock;
    *var = variable(p, name);
    return cond;
}

static void op_wait_token(Py *p, const char *name)
{
    uint32_t lock, var, cond = condition(p, name, &lock, &var);
    emit(p, CP_OP_LOCK, 0, CP_REG_NONE, lock);
    uint32_t check = cp_workload_pc(p->w);
    emit(p, CP_OP_LOAD, 0, R_A, var);
    set(p, R_B, 0);
    uint32_t got = emit(p, CP_OP_JUMP_IF, CP_GT, R_A, 0);
    emit(p, CP_OP_COND_WAIT, 0, CP_REG_NONE, cond);
    emit(p, CP_OP_JUMP, 0, 0, check);
    patch(p, got);
    set(p, R_B, 1);
    emit(p, CP_OP_ARITH, CP_SUB, R_A, R_A | (uint32_t)R_B << 16);
    emit(p, CP_OP_STORE, 0, R_A, var);
    emit(p, CP_OP_UNLOCK, 0, 0, lock);
}

static void op_notify(Py *p, const char *name)
{
    uint32_t lock, var, cond = condition(p, name, &lock, &var);
    emit(p, CP_OP_LOCK, 0, CP_REG_NONE, lock);
    emit(p, CP_OP_LOAD, 0, R_A, var);
    set(p, R_B, 1);
    emit(p, CP_OP_ARITH, CP_ADD, R_A, R_A | (uint32_t)R_B << 16);
    emit(p, CP_OP_STORE, 0, R_A, var);
    emit(p, CP_OP_COND_SIGNAL, 1, 0, cond);
    emit(p, CP_OP_UNLOCK, 0, 0, lock);
}

static void op_join_timeout(Py *p, yajl_val name, yajl_val timeout)
{
    set(p, R_A, us_of(timeout));
    emit(p, CP_OP_JOIN, 0, R_A, unit(p, text(name)));
    p->daemons = true;
}

/* Every copy of a thread that main starts at this place. */
static void op_spawn(Py *p, const char *name)
{
    uint32_t decl = unit(p, name);
    uint32_t copies = (uint32_t)number_at(p->model, "copies", 1);
    for (uint32_t i = 0; i < copies; i++) {
        emit(p, CP_OP_SPAWN, R_A, 0, decl);
    }
}

static bool thread_operation(Py *p, const char *word, yajl_val op)
{
    yajl_val first = item(op, 1);
    if (strcmp(word, "spawn") == 0 || strcmp(word, "fork") == 0) {
        op_spawn(p, text(first));
    } else if (strcmp(word, "join") == 0 || strcmp(word, "waitproc") == 0) {
        emit(p, CP_OP_JOIN, 0, CP_REG_NONE, unit(p, text(first)));
    } else if (strcmp(word, "join_timeout") == 0) {
        op_join_timeout(p, first, item(op, 2));
    } else if (strcmp(word, "exit_process") == 0) {
        emit(p, CP_OP_EXIT_PROCESS, 0, 0, 0);
    } else if (strcmp(word, "run_until_done") == 0) {
        op_run_until_done(p, first);
    } else if (strcmp(word, "recv") == 0 || strcmp(word, "send") == 0) {
        op_message(p, word[0] == 's', first);
    } else if (strcmp(word, "period") == 0) {
        op_period(p, first);
    } else {
        return false;
    }
    return true;
}

static bool sync_operation(Py *p, const char *word, yajl_val op)
{
    const char *name = text(item(op, 1));
    if (strcmp(word, "lock") == 0 || strcmp(word, "unlock") == 0) {
        op_lock(p, item(op, 1), word[0] == 'l', false);
    } else if (strcmp(word, "plock") == 0 || strcmp(word, "punlock") == 0) {
        op_lock(p, item(op, 1), strcmp(word, "plock") == 0, true);
    } else if (strcmp(word, "put") == 0 || strcmp(word, "put_none") == 0) {
        op_put(p, item(op, 1), word[3] == '\0');
    } else if (strcmp(word, "get") == 0) {
        op_get(p, item(op, 1), false);
    } else if (strcmp(word, "barrier") == 0) {
        emit(p, CP_OP_BARRIER, 0, CP_REG_NONE,
             object(p, CP_OBJ_BARRIER, name, users(p, word, name), false));
    } else if (strcmp(word, "sem_wait") == 0 || strcmp(word, "sem_post") == 0) {
        int64_t n = (int64_t)number_at(member(p->model, "semaphores"), name, 0);
        uint32_t obj = object(p, CP_OBJ_SEMAPHORE, name, n, false);
        bool waits = word[4] == 'w';
        emit(p, waits ? CP_OP_SEM_WAIT : CP_OP_SEM_POST, !waits, waits ? CP_REG_NONE : 0,
             obj);
    } else if (strcmp(word, "event_wait") == 0) {
        emit(p, CP_OP_EVENT_WAIT, 0, CP_REG_NONE, object(p, CP_OBJ_EVENT, name, 0, false));
    } else if (strcmp(word, "event_set") == 0) {
        emit(p, CP_OP_EVENT_SET, 0, 0, object(p, CP_OBJ_EVENT, name, 0, false));
    } else if (strcmp(word, "cond_wait_token") == 0) {
        op_wait_token(p, name);
    } else if (strcmp(word, "cond_notify") == 0) {
        op_notify(p, name);
    } else {
        return false;
    }
    return true;
}

static void operation(Py *p, yajl_val op)
{
    const char *word = text(item(op, 0));
    yajl_val first = item(op, 1);
    if (strcmp(word, "run") == 0 || strcmp(word, "run_nogil") == 0) {
        op_run(p, first, word[3] != '\0');
    } else if (strcmp(word, "sleep") == 0 || strcmp(word, "block_sleep") == 0) {
        emit(p, CP_OP_SLEEP, CP_ARG_CONST, 0, constant(p, us_of(first)));
    } else if (strcmp(word, "await_sleep") == 0) {
        op_await_sleep(p, formula(p, first));
    } else if (strcmp(word, "loop") == 0) {
        op_loop(p, first, item(op, 2));
    } else if (strcmp(word, "loop_until_none") == 0) {
        op_until_none(p, first);
    } else if (!thread_operation(p, word, op) && !sync_operation(p, word, op)) {
        fail(p, "no translation of operation", word);
    }
}

/* One operation, or a list of them. */
static void operations(Py *p, yajl_val ops)
{
    if (length(ops) > 0 && YAJL_IS_STRING(item(ops, 0))) {
        operation(p, ops);
        return;
    }
    for (size_t i = 0; i < length(ops); i++) {
        operation(p, YAJL_GET_ARRAY(ops)->values[i]);
    }
}

/* --- threads and processes --- */

static uint32_t begin_thread(Py *p, CpProcId proc, const char *name)
{
    uint32_t row = cp_workload_thread(p->w, proc, name);
    CpThreadDecl *d = cp_thread_decl(p->w, row);
    d->n_regs = R_COUNT;
    d->attr.cpus = p->mask;
    d->own_attr = true;
    emit(p, CP_OP_PY_BEGIN, 0, 0, 0);
    g_ptr_array_set_size(p->locks, 0);
    p->depth = 0;
    return row;
}

/* Copies of a thread cannot be told from each other. */
static bool counts_handoffs(const Py *p)
{
    yajl_val figures = member(p->measured, "figures");
    return member(figures, "handoffs") != NULL &&
           strcmp(text_at(p->model, "gil"), "none") != 0 &&
           number_at(p->model, "copies", 1) < 2;
}

static void unit_body(Py *p, const char *name)
{
    bool process = is_process(p, name);
    yajl_val ops = member(member(p->model, process ? "processes" : "threads"), name);
    uint32_t row = begin_thread(p, p->proc, name);
    CpThreadDecl *d = cp_thread_decl(p->w, row);
    d->copies = 0;
    d->flags = CP_THREAD_SPAWNED | (process ? CP_THREAD_FORKS : 0);
    p->mark = !process && counts_handoffs(p) ? row : 0;
    operations(p, ops);
    p->mark = 0;
    if (!process) {
        set(p, R_A, 1);
        emit(p, CP_OP_STORE, 0, R_A, done_variable(p, name));
    }
    emit(p, CP_OP_EXIT, 0, 0, 0);
}

static void collect_units(Py *p)
{
    static const char *const kinds[] = {"threads", "processes"};
    for (size_t k = 0; k < G_N_ELEMENTS(kinds); k++) {
        yajl_val all = member(p->model, kinds[k]);
        for (size_t i = 0; all != NULL && i < YAJL_GET_OBJECT(all)->len; i++) {
            const char *name = YAJL_GET_OBJECT(all)->keys[i];
            if (strcmp(name, "main") != 0) {
                g_ptr_array_add(p->units, (void *)(uintptr_t)name);
            }
        }
    }
}

/* Main as given; without it main starts all in order, then joins all in order. */
static void main_body(Py *p)
{
    yajl_val ops = member(p->model, "main");
    ops = ops != NULL ? ops : member(member(p->model, "threads"), "main");
    uint32_t rounds = (uint32_t)number_at(p->model, "sequential_rounds", 1);
    if (ops != NULL) {
        for (uint32_t r = 0; r < rounds; r++) {
            operations(p, ops);
        }
        return;
    }
    for (guint i = 0; i < p->units->len; i++) {
        op_spawn(p, g_ptr_array_index(p->units, i));
    }
    for (guint i = 0; i < p->units->len; i++) {
        emit(p, CP_OP_JOIN, 0, CP_REG_NONE, p->first_unit + i);
    }
}

static void add_setting(Py *p, const char *key, const char *value)
{
    GPtrArray *settings = cp_proc_decl(p->w, p->proc)->settings;
    g_ptr_array_add(settings, g_strdup(key));
    g_ptr_array_add(settings, g_strdup(value));
}

/* The interpreter's own operations run at the speed of the bursts.  Their costs in the
 * model were measured with the overheads of the folder, when the machine's check read so
 * much. */
static void add_cost_factor(Py *p)
{
    const char *digit = strpbrk(text_at(p->scenario, "interpreter"), "0123456789");
    g_auto(GStrv) words = g_strsplit(digit != NULL ? digit : "", " ", 2);
    yajl_val calib = NULL;
    if (words[0] != NULL) {
        calib = member(member(p->reality->overheads, words[0]), "calib_ratio");
    }
    double sum = 0;
    for (size_t i = 0; i < length(calib); i++) {
        sum += number(item(calib, i), 1);
    }
    if (sum > 0) {
        double scale = CALIB_HIGH * sum / (double)length(calib);
        g_autofree char *value = g_strdup_printf("%.1f%%", p->rep->scale / scale * 100);
        add_setting(p, "python.cost_factor", value);
    }
}

static void new_process(Py *p, const char *name)
{
    g_autofree char *version = version_of(p);
    double interval = number_at(p->model, "switch_interval_us", 0);
    double ticks = number_at(p->model, "check_interval_ticks", 0);
    p->proc = cp_workload_proc(p->w, name, "python");
    cp_proc_decl(p->w, p->proc)->version = cp_workload_string(p->w, version);
    add_cost_factor(p);
    if (strcmp(text_at(p->model, "gil"), "none") == 0) {
        add_setting(p, "gil", "none");
        add_setting(p, "gil.free_overhead", "0%"); /* bursts are in its own speed */
    } else if (interval > 0) {
        g_autofree char *value = g_strdup_printf("%.0fus", interval);
        add_setting(p, "gil.interval", value);
    }
    if (ticks > 0) {
        g_autofree char *value = g_strdup_printf("%.0f", ticks);
        add_setting(p, "gil.check_interval", value);
    }
    const char *method = text_at(p->model, "start_method");
    method = *method != '\0' ? method : text_at(member(p->model, "pool"), "start_method");
    if (*method != '\0') {
        add_setting(p, "start", method);
    }
}

static void declare_queue(Py *p)
{
    yajl_val queue = member(p->model, "queue");
    if (queue != NULL) {
        bool shared = strcmp(text_at(queue, "kind"), "mp") == 0;
        object(p, CP_OBJ_QUEUE, text_at(queue, "name"),
               (int64_t)number_at(queue, "maxsize", 0), shared);
    }
}

static void threads_program(Py *p)
{
    new_process(p, "program");
    declare_queue(p);
    collect_units(p);
    p->first_unit = begin_thread(p, p->proc, "main") + 1;
    main_body(p);
    uint32_t end = cp_workload_pc(p->w);
    emit(p, CP_OP_EXIT, 0, 0, 0);
    for (guint i = 0; i < p->units->len; i++) {
        unit_body(p, g_ptr_array_index(p->units, i));
    }
    for (uint32_t i = 0; i < p->w->objs->len; i++) {
        const CpObjDecl *d = cp_obj_decl(p->w, i);
        if (d->kind == CP_OBJ_QUEUE && d->flags & CP_OBJ_SHARED) {
            cp_workload_feeder(p->w, p->proc, i);
        }
    }
    if (p->daemons) { /* threads that may never end do not keep the program alive */
        cp_insn(p->w, end)->op = CP_OP_EXIT_PROCESS;
    }
    yajl_val peer = member(p->model, "peer_process");
    if (peer != NULL) {
        new_process(p, "peer");
        p->is_peer = true;
        begin_thread(p, p->proc, "peer");
        operations(p, peer);
        emit(p, CP_OP_EXIT, 0, 0, 0);
    }
}

/* --- pools --- */

static bool pool_kind(Py *p, const char *word, CpPoolKind *kind)
{
    if (strcmp(word, "thread") == 0) {
        *kind = CP_POOL_THREADS;
    } else if (strcmp(word, "process") == 0) {
        *kind = CP_POOL_PROCESSES;
    } else if (strcmp(word, "mp") == 0) {
        *kind = CP_POOL_WORKERS;
    } else {
        fail(p, "unknown kind of pool", word);
        return false;
    }
    return true;
}

static uint32_t begin_task(Py *p, const char *name, uint32_t flags)
{
    uint32_t row = cp_workload_task(p->w, p->proc, name);
    cp_task_decl(p->w, row)->n_regs = R_COUNT;
    cp_task_decl(p->w, row)->flags = flags;
    p->is_task = flags & CP_TASK_ASYNC;
    p->depth = 0;
    return row;
}

static void end_task(Py *p)
{
    emit(p, CP_OP_PY_RETURN, 0, CP_REG_VALUE, 0);
    p->is_task = false;
}

/* A pool of multiprocessing maps; an executor is given the tasks one by one, and their
 * results are waited for in order (all at once if there are more than have a register). */
static void submit_all(Py *p, CpPoolKind kind, uint32_t call, int64_t n)
{
    if (kind == CP_POOL_WORKERS) {
        set(p, R_A, 0);
        set(p, R_B, n);
        cp_call_decl(p->w, call)->from = R_A;
        cp_call_decl(p->w, call)->chunk = 1;
        emit(p, CP_OP_MAP, 0, R_GROUP, call);
        emit(p, CP_OP_ITER_ALL, 0, R_GROUP, 0);
        return;
    }
    if (n > FUTURES_MAX) {
        set(p, R_LOOP, n);
        uint32_t top = emit(p, CP_OP_SUBMIT, 0, 0, call);
        emit(p, CP_OP_LOOP, 0, R_LOOP, top);
        emit(p, CP_OP_COMPLETED, CP_GROUP_ALL, CP_REG_NONE, 0);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        emit(p, CP_OP_SUBMIT, 0, 0, call);
        emit(p, CP_OP_MOVE, 0, (uint32_t)(R_COUNT + i), CP_REG_VALUE);
    }
    for (int64_t i = 0; i < n; i++) {
        emit(p, CP_OP_RESULT, (uint8_t)(R_COUNT + i), CP_REG_NONE, 0);
    }
}

static void pool_program(Py *p)
{
    yajl_val pool = member(p->model, "pool");
    CpPoolKind kind = CP_POOL_THREADS;
    new_process(p, "program");
    if (!pool_kind(p, text_at(pool, "kind"), &kind)) {
        return;
    }
    uint32_t task = begin_task(p, "task", 0);
    operations(p, member(p->model, "task_ops"));
    end_task(p);
    uint32_t call = cp_workload_call(p->w, task);
    CpCallDecl *d = cp_call_decl(p->w, call);
    d->pool = 0;
    d->flags = kind == CP_POOL_WORKERS ? 0 : CP_CALL_KEEP;
    d->size = (int64_t)number_at(pool, "payload_bytes", 0);
    uint32_t row = begin_thread(p, p->proc, "main");
    cp_thread_decl(p->w, row)->n_regs = R_COUNT + FUTURES_MAX;
    emit(p, CP_OP_POOL_OPEN, 0, 0, 0);
    submit_all(p, kind, call, (int64_t)number_at(p->model, "tasks", 1));
    emit(p, CP_OP_POOL_SHUTDOWN, CP_SHUTDOWN_WAIT, 0, 0);
    emit(p, CP_OP_EXIT, 0, 0, 0);
    cp_workload_pool(p->w, p->proc, "pool", kind, (uint32_t)number_at(pool, "workers", 1));
    cp_pool_decl(p->w, 0)->start_method = CP_START_DEFAULT;
}

/* --- event loops --- */

typedef struct {
    GArray *calls;     /* uint32_t: one a coroutine, in order */
    uint32_t done_var; /* set when the others have ended */
    bool has_pool;
    CpPoolKind kind;
    uint32_t in, out; /* sockets of the connection whose end is being emitted */
    bool is_client;
} Loop;

static uint32_t executor_call(Py *p, Loop *l, yajl_val op);

static bool task_operation(Py *p, Loop *l, yajl_val op);

static void task_operations(Py *p, Loop *l, yajl_val ops)
{
    for (size_t i = 0; i < length(ops); i++) {
        yajl_val op = YAJL_GET_ARRAY(ops)->values[i];
        if (!task_operation(p, l, op)) {
            operation(p, op);
        }
    }
}

static void task_loop(Py *p, Loop *l, yajl_val count, yajl_val body)
{
    if (p->depth >= NEST_MAX) {
        fail(p, "too deep", "loop");
        return;
    }
    uint32_t reg = R_LOOP + p->depth++;
    set(p, reg, (int64_t)number(count, 1));
    uint32_t top = cp_workload_pc(p->w);
    task_operations(p, l, body);
    emit(p, CP_OP_LOOP, 0, reg, top);
    p->depth--;
}

static void task_until_done(Py *p, Loop *l, yajl_val body)
{
    uint32_t top = cp_workload_pc(p->w);
    p->times_sleeps = true;
    task_operations(p, l, body);
    p->times_sleeps = false;
    emit(p, CP_OP_LOAD, 0, R_A, l->done_var);
    set(p, R_B, 0);
    emit(p, CP_OP_JUMP_IF, CP_EQ, R_A, top);
}

/* A client times the way to the server and back. */
static void aio_send(Py *p, const Loop *l)
{
    emit(p, CP_OP_NOW, 0, R_GRID, 0);
    set(p, R_A, MESSAGE_BYTES);
    emit(p, CP_OP_SEND, CP_IO_AWAIT, R_A, l->out);
}

static void aio_receive(Py *p, const Loop *l)
{
    emit(p, CP_OP_RECV, CP_IO_AWAIT, CP_REG_NONE, l->in);
    if (l->is_client) {
        emit(p, CP_OP_TIMED_END, 0, R_GRID, cp_workload_hist(p->w, "rtt_us"));
    }
}

static bool task_operation(Py *p, Loop *l, yajl_val op)
{
    const char *word = text(item(op, 0));
    if (strcmp(word, "loop") == 0) {
        task_loop(p, l, item(op, 1), item(op, 2));
    } else if (strcmp(word, "loop_until_done") == 0) {
        task_until_done(p, l, item(op, 1));
    } else if (strcmp(word, "aio_recv") == 0) {
        aio_receive(p, l);
    } else if (strcmp(word, "aio_send") == 0) {
        aio_send(p, l);
    } else if (strcmp(word, "executor") == 0) {
        emit(p, CP_OP_EXECUTOR, 0, 0, executor_call(p, l, op));
        emit(p, CP_OP_AWAIT, CP_REG_VALUE, CP_REG_NONE, 0);
    } else {
        return false;
    }
    return true;
}

/* The work of every executor operation is a task of its own, emitted beforehand in the
 * order in which the operations are met. */
static uint32_t executor_call(Py *p, Loop *l, yajl_val op)
{
    g_autofree char *key = g_strdup_printf("executor %p", (void *)op);
    (void)l; /* the pool is the only one */
    return GPOINTER_TO_UINT(g_hash_table_lookup(p->objs, key)) - 1;
}

static void emit_executor_tasks(Py *p, Loop *l, yajl_val ops)
{
    for (size_t i = 0; i < length(ops); i++) {
        yajl_val op = YAJL_GET_ARRAY(ops)->values[i];
        if (strcmp(text(item(op, 0)), "executor") == 0) {
            l->has_pool = pool_kind(p, text(item(op, 1)), &l->kind);
            uint32_t task = begin_task(p, "work", 0);
            operations(p, item(op, 2));
            end_task(p);
            uint32_t call = cp_workload_call(p->w, task);
            cp_call_decl(p->w, call)->pool = 0;
            cp_call_decl(p->w, call)->flags = CP_CALL_KEEP;
            g_hash_table_insert(p->objs, g_strdup_printf("executor %p", (void *)op),
                                GUINT_TO_POINTER(call + 1));
        } else {
            emit_executor_tasks(p, l, op);
        }
    }
}

static bool loops_until_done(yajl_val ops)
{
    for (size_t i = 0; i < length(ops); i++) {
        if (strcmp(text(item(YAJL_GET_ARRAY(ops)->values[i], 0)), "loop_until_done") == 0) {
            return true;
        }
    }
    return false;
}

static void add_coroutine(Py *p, Loop *l, yajl_val ops, uint32_t index, uint32_t n)
{
    p->index = index;
    p->n = n;
    emit_executor_tasks(p, l, ops);
    uint32_t task = begin_task(p, "task", CP_TASK_ASYNC);
    task_operations(p, l, ops);
    end_task(p);
    uint32_t call = cp_workload_call(p->w, task);
    cp_call_decl(p->w, call)->flags = CP_CALL_KEEP;
    g_array_append_val(l->calls, call);
}

/* Tasks as a list of operation lists, each `copies` times, or as one list with a count. */
static GArray *emit_coroutines(Py *p, Loop *l, GArray *waiters)
{
    yajl_val tasks = member(p->model, "tasks");
    uint32_t copies = (uint32_t)number_at(p->model, "copies", 1);
    if (tasks != NULL && YAJL_IS_OBJECT(tasks)) {
        uint32_t n = (uint32_t)number_at(tasks, "n", 1);
        bool same = number_at(tasks, "lo_ms", 0) == number_at(tasks, "hi_ms", 0);
        for (uint32_t i = 0; i < n; i++) {
            if (i > 0 && same) {
                uint32_t call = g_array_index(l->calls, uint32_t, 0);
                g_array_append_val(l->calls, call);
            } else {
                add_coroutine(p, l, member(tasks, "ops"), i, n);
            }
        }
    }
    for (size_t i = 0; i < length(tasks); i++) {
        yajl_val ops = YAJL_GET_ARRAY(tasks)->values[i];
        for (uint32_t k = 0; k < copies; k++) {
            if (k > 0) {
                uint32_t call = g_array_index(l->calls, uint32_t, l->calls->len - 1);
                g_array_append_val(l->calls, call);
            } else {
                add_coroutine(p, l, ops, (uint32_t)i, (uint32_t)length(tasks));
            }
            uint32_t waits = loops_until_done(ops);
            g_array_append_val(waiters, waits);
        }
    }
    return waiters;
}

static void create_all(Py *p, const Loop *l, const GArray *waiters, uint32_t which)
{
    emit(p, CP_OP_GROUP, CP_GROUP_GATHER, R_GROUP + 0, 0);
    for (guint i = 0; i < l->calls->len; i++) {
        uint32_t waits = i < waiters->len ? g_array_index(waiters, uint32_t, i) : 0;
        if (waits == which) {
            emit(p, CP_OP_CREATE, 0, 0, g_array_index(l->calls, uint32_t, i));
            emit(p, CP_OP_GROUP_ADD, CP_REG_VALUE, R_GROUP, 0);
        }
    }
}

static uint32_t new_socket(Py *p)
{
    uint32_t row = cp_workload_obj(p->w, "connection", CP_OBJ_SOCKET);
    cp_obj_decl(p->w, row)->proc = p->proc;
    return row;
}

/* Two coroutines a connection: a server that answers every message, and its client. */
static void emit_connections(Py *p, Loop *l)
{
    uint32_t n = (uint32_t)number_at(p->model, "connections", 0);
    int64_t messages = (int64_t)number_at(p->model, "messages_each", 1);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t there = new_socket(p), back = new_socket(p);
        uint32_t server = begin_task(p, "server", CP_TASK_ASYNC);
        l->in = there;
        l->out = back;
        l->is_client = false;
        set(p, R_LOOP + p->depth, messages);
        uint32_t top = cp_workload_pc(p->w);
        p->depth++;
        task_operations(p, l, member(p->model, "server_ops"));
        p->depth--;
        emit(p, CP_OP_LOOP, 0, R_LOOP + p->depth, top);
        end_task(p);
        uint32_t client = begin_task(p, "client", CP_TASK_ASYNC);
        l->in = back;
        l->out = there;
        l->is_client = true;
        task_operations(p, l, member(p->model, "client_ops"));
        end_task(p);
        uint32_t calls[2] = {cp_workload_call(p->w, server),
                             cp_workload_call(p->w, client)};
        cp_call_decl(p->w, calls[0])->flags = CP_CALL_KEEP;
        cp_call_decl(p->w, calls[1])->flags = CP_CALL_KEEP;
        g_array_append_vals(l->calls, calls, 2);
    }
}

/* Tasks that loop until the others have ended are created first and awaited last. */
static uint32_t main_coroutine(Py *p, Loop *l, const GArray *waiters)
{
    uint32_t task = begin_task(p, "main", CP_TASK_ASYNC);
    if (l->has_pool) {
        emit(p, CP_OP_POOL_OPEN, 0, 0, 0);
    }
    create_all(p, l, waiters, 1);
    emit(p, CP_OP_MOVE, 0, R_GRID, R_GROUP);
    create_all(p, l, waiters, 0);
    emit(p, CP_OP_GROUP_AWAIT, R_GROUP, CP_REG_NONE, 0);
    set(p, R_A, 1);
    emit(p, CP_OP_STORE, 0, R_A, l->done_var);
    emit(p, CP_OP_GROUP_AWAIT, R_GRID, CP_REG_NONE, 0);
    if (l->has_pool) {
        emit(p, CP_OP_POOL_SHUTDOWN, CP_SHUTDOWN_WAIT, 0, 0);
    }
    end_task(p);
    return cp_workload_call(p->w, task);
}

static void loop_program(Py *p)
{
    Loop l = {.calls = g_array_new(FALSE, FALSE, sizeof(uint32_t))};
    g_autoptr(GArray) waiters = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    new_process(p, "program");
    add_setting(p, "loop.sockets", "calls");
    l.done_var = variable(p, "done");
    emit_coroutines(p, &l, waiters);
    emit_connections(p, &l);
    uint32_t call = main_coroutine(p, &l, waiters);
    begin_thread(p, p->proc, "main");
    emit(p, CP_OP_LOOP_RUN, 0, 0, call);
    emit(p, CP_OP_EXIT, 0, 0, 0);
    if (l.has_pool) {
        cp_workload_pool(p->w, p->proc, "pool", l.kind,
                         (uint32_t)number_at(p->model, "executor_workers", 1));
    }
    g_array_unref(l.calls);
}

CpWorkload *translate_python(const Reality *reality, yajl_val scenario,
                             const Repetition *rep, GError **error)
{
    Py p = {.w = cp_workload_new(&cp_ops),
            .reality = reality,
            .scenario = scenario,
            .model = member(scenario, "model"),
            .measured = measured_of(reality, scenario),
            .rep = rep,
            .objs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
            .units = g_ptr_array_new(),
            .locks = g_ptr_array_new()};
    p.mask = scenario_mask(p.w, reality, scenario);
    if (strcmp(text_at(p.model, "runtime"), "asyncio") == 0) {
        loop_program(&p);
    } else if (member(p.model, "pool") != NULL) {
        pool_program(&p);
    } else {
        threads_program(&p);
    }
    g_hash_table_unref(p.objs);
    g_ptr_array_unref(p.units);
    g_ptr_array_unref(p.locks);
    if (p.error != NULL) {
        g_propagate_error(error, p.error);
        cp_workload_free(p.w);
        return NULL;
    }
    return p.w;
}
