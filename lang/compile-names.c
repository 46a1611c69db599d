#include "lang/compiler.h"
#include "sim/words.h"

#include <string.h>

/* Decides what a name means, and which objects a statement may use. */

CpcLocal *cpc_local(Cpc *c, const char *name)
{
    for (guint i = c->locals->len; i > 0; i--) {
        CpcLocal *local = &g_array_index(c->locals, CpcLocal, i - 1);
        if (strcmp(local->name, name) == 0) {
            return local;
        }
    }
    return NULL;
}

void cpc_local_push(Cpc *c, const char *name, uint16_t reg, CpDim dim)
{
    const CpcLocal local = {name, reg, (uint8_t)dim, false, false};
    g_array_append_val(c->locals, local);
}

CpcObject *cpc_object(Cpc *c, const char *name)
{
    CpcObject *object =
        c->proc != NULL ? g_hash_table_lookup(c->proc->objects, name) : NULL;
    return object != NULL ? object : g_hash_table_lookup(c->objects, name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool cpc_unknown(Cpc *c, CpPos pos, const char *what, const char *name, ...)
{
    g_autoptr(GPtrArray) known = g_ptr_array_new();
    va_list tables;
    va_start(tables, name);
    for (GHashTable *t = va_arg(tables, GHashTable *); t != NULL;
         t = va_arg(tables, GHashTable *)) {
        GHashTableIter iter;
        void *key;
        g_hash_table_iter_init(&iter, t);
        while (g_hash_table_iter_next(&iter, &key, NULL)) {
            g_ptr_array_add(known, key);
        }
    }
    va_end(tables);
    for (guint i = 0; i < c->locals->len; i++) {
        g_ptr_array_add(known, (char *)g_array_index(c->locals, CpcLocal, i).name);
    }
    /* Hash order must not decide which of two equally near names is shown. */
    g_ptr_array_sort(known, compare_names);
    g_ptr_array_add(known, NULL);
    const char *near = cp_nearest(name, (const char *const *)known->pdata);
    cp_diag_error(c->diag, pos, "unknown %s '%s'", what, name);
    if (near != NULL) {
        cp_diag_help(c->diag, "did you mean '%s'?", near);
    } else if (known->len > 1 && known->len <= 9) {
        g_autofree char *all = g_strjoinv(", ", (char **)known->pdata);
        cp_diag_help(c->diag, "known here: %s", all);
    }
    return false;
}

/* --- objects --- */

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
bool cpc_claim(Cpc *c, const CpNode *name, CpcObject *object)
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
        strcmp(word, "signal") != 0 && strcmp(word, "clear") != 0 &&
        cp_ask_find(word) < 0) {
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
    return check_async(c, name, word, object->index) && cpc_claim(c, name, object)
               ? object->index
               : CP_NONE;
}
