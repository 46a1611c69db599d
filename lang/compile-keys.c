#include "lang/compiler.h"
#include "sim/words.h"

#include <string.h>

/* Decides what the keys of a declaration, (nice=5, cpus=0-3), mean by their rows. */

bool cpc_unknown_key(Cpc *c, const CpNode *opt, const char *of, const char *const *known)
{
    const char *near = cp_nearest(opt->text, known);
    g_autofree char *all = g_strjoinv(", ", (char **)(uintptr_t)known);
    cp_diag_error(c->diag, opt->pos, "unknown option '%s' of %s", opt->text, of);
    if (near != NULL) {
        cp_diag_help(c->diag, "did you mean '%s'?   (options: %s)", near, all);
    } else {
        cp_diag_help(c->diag, *all != '\0' ? "options: %s" : "it has no options%s", all);
    }
    return false;
}

bool cpc_mask(Cpc *c, const CpNode *cpus, uint32_t *mask)
{
    g_autoptr(GError) error = NULL;
    if (cpus->kind != CP_NODE_STRING) {
        return cp_diag_error(c->diag, cpus->pos, "expected CPU numbers such as 0-3,6");
    }
    if (!cp_mask_parse(c->w, cpus->text, mask, &error)) {
        return cp_diag_error(c->diag, cpus->pos, "%s", error->message);
    }
    return true;
}

/* One of the words a switch or a choice takes. */
static bool find_word(Cpc *c, const CpKey *key, const CpNode *value, int64_t *out)
{
    const CpParam *param = &key->param;
    const char *choices = param->type == CP_PARAM_BOOL ? "off|on" : param->choices;
    const CpNode *node = cpc_resolve(c, value);
    bool is_word = node->kind == CP_NODE_NAME || node->kind == CP_NODE_STRING;
    g_auto(GStrv) words = g_strsplit(choices, "|", -1);
    for (int i = 0; is_word && words[i] != NULL; i++) {
        if (strcmp(words[i], node->text) == 0) {
            *out = i;
            return true;
        }
    }
    g_autofree char *shown = cp_node_print(node);
    g_autofree char *all = g_strjoinv(", ", words);
    const char *near = cp_nearest(shown, (const char *const *)words);
    cp_diag_error(c->diag, value->pos, "%s: '%s' is not one of %s", cp_key_word(key), shown,
                  all);
    if (near != NULL) {
        cp_diag_help(c->diag, "did you mean '%s'?", near);
    } else if (key->hint != NULL) {
        cp_diag_help(c->diag, "%s", key->hint);
    }
    return false;
}

/* A word that may stand instead of a time: -1, -2 ... as CpParam.choices has it. */
static bool time_word(Cpc *c, const CpKey *key, const CpNode *value, int64_t *out)
{
    const CpNode *node = cpc_resolve(c, value);
    g_auto(GStrv) words = g_strsplit(key->param.choices, "|", -1);
    for (int i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], node->text) == 0) {
            *out = -1 - i;
            return true;
        }
    }
    g_autofree char *all = g_strjoinv(", ", words);
    return cp_diag_error(c->diag, value->pos, "%s: '%s' is neither a time nor %s",
                         cp_key_word(key), node->text, all);
}

static bool plain(Cpc *c, const CpKey *key, const CpNode *value, int64_t *out)
{
    const CpParam *param = &key->param;
    switch (param->type) {
    case CP_PARAM_INT:
        return cpc_const_int(c, value, param->min, param->max, out);
    case CP_PARAM_TIME:
        if (param->choices != NULL && cpc_resolve(c, value)->kind == CP_NODE_NAME) {
            return time_word(c, key, value, out);
        }
        return cpc_const_time(c, value, out);
    case CP_PARAM_SIZE:
        return cpc_const_size(c, value, out);
    default:
        return find_word(c, key, value, out);
    }
}

/* service=4ms, service=exp(4ms) of a device. */
static bool set_service(Cpc *c, const CpNode *value, CpObjDecl *obj)
{
    CpDist dist;
    if (!cpc_const_dist(c, value, &dist)) {
        return false;
    }
    obj->service_arg = dist.kind == CP_DIST_CONST ? CP_ARG_CONST : CP_ARG_DIST;
    obj->service = dist.kind == CP_DIST_CONST ? cp_workload_const(c->w, dist.p[0])
                                              : cp_workload_dist(c->w, dist);
    return true;
}

static bool find_lock(Cpc *c, const CpNode *value, int64_t *out)
{
    const CpcObject *lock = value->kind == CP_NODE_NAME ? cpc_object(c, value->text) : NULL;
    bool is_lock = lock != NULL && !lock->is_var &&
                   (cp_obj_decl(c->w, lock->index)->kind == CP_OBJ_LOCK ||
                    cp_obj_decl(c->w, lock->index)->kind == CP_OBJ_RLOCK);
    if (!is_lock) {
        return cp_diag_error(c->diag, value->pos,
                             "expected the name of a lock declared before");
    }
    *out = lock->index;
    return true;
}

static bool find_interp(Cpc *c, const CpNode *opt, int64_t *out)
{
    const CpNode *value = opt->child;
    if (c->proc == NULL || !c->proc->python) {
        return cp_diag_error(c->diag, opt->pos, "'%s' needs a python runtime", opt->text);
    }
    const char *name = value->text != NULL ? value->text : "";
    guint row = GPOINTER_TO_UINT(g_hash_table_lookup(c->proc->interps, name));
    *out = (int64_t)row - 1;
    return row != 0 ||
           cpc_unknown(c, value->pos, "interpreter", name, c->proc->interps, NULL);
}

bool cpc_key(Cpc *c, const CpKey *key, const CpNode *opt, void *row)
{
    const CpNode *value = opt->child;
    int64_t number = 0;
    uint32_t mask = CP_NONE;
    bool ok;
    switch (key->form) {
    case CP_KEY_DIST:
        return cpc_const_dist(c, value, (CpDist *)(void *)((char *)row + key->at));
    case CP_KEY_SERVICE:
        return set_service(c, value, row);
    case CP_KEY_CPUS:
        ok = cpc_mask(c, value, &mask);
        number = mask;
        break;
    case CP_KEY_LOCK:
        ok = find_lock(c, value, &number);
        break;
    case CP_KEY_INTERP:
        ok = find_interp(c, opt, &number);
        break;
    default:
        ok = plain(c, key, value, &number);
    }
    if (ok) {
        cp_key_store(key, row, number);
    }
    return ok;
}

bool cpc_keys(Cpc *c, const CpNode *opts, const CpKey *table, uint32_t kinds,
              const char *of, void *row)
{
    bool ok = true;
    for (const CpNode *opt = opts->child; opt != NULL; opt = opt->next) {
        const CpKey *key = cp_key_find(table, kinds, opt->text);
        if (key != NULL) {
            ok = cpc_key(c, key, opt, row) && ok;
            continue;
        }
        g_autofree const char **known = cp_key_words(table, kinds);
        ok = cpc_unknown_key(c, opt, of, known);
    }
    return ok;
}

/* --- attributes of threads --- */

/* Bounds of SCHED_DEADLINE, ns (DL_SCALE, sched_deadline_period_min_us and _max_us). */
enum { DL_LEAST = 1024, DL_PERIOD_LEAST = 100000 };
static const CpTime DL_PERIOD_MOST = 4194304 * CP_US;

/* What sched_setattr would refuse. */
static bool check_attr(Cpc *c, const CpNode *at, CpSchedAttr *attr)
{
    bool rt = attr->policy == CP_SCHED_FIFO || attr->policy == CP_SCHED_RR;
    if (rt && (attr->rt_prio < 1 || attr->rt_prio > 99)) {
        cp_diag_error(c->diag, at->pos, "policy=%s needs a priority",
                      cp_sched_name(attr->policy));
        cp_diag_help(c->diag, "write prio=1 (low) to prio=99 (high)");
        return false;
    }
    if (attr->policy != CP_SCHED_DEADLINE) {
        return true;
    }
    attr->period = attr->period > 0 ? attr->period : attr->deadline;
    attr->deadline = attr->deadline > 0 ? attr->deadline : attr->period;
    if (attr->runtime <= 0 || attr->runtime > attr->deadline ||
        attr->deadline > attr->period) {
        cp_diag_error(c->diag, at->pos,
                      "policy=deadline needs runtime <= deadline <= period");
        cp_diag_help(c->diag, "write runtime=5ms, deadline=20ms, period=20ms");
        return false;
    }
    if (attr->runtime < DL_LEAST || attr->period < DL_PERIOD_LEAST ||
        attr->period > DL_PERIOD_MOST) {
        cp_diag_error(
            c->diag, at->pos,
            "policy=deadline needs a runtime from 1024 ns and a period from 100 us "
            "to 4194304 us, as the kernel does");
        return false;
    }
    return true;
}

bool cpc_thread_keys(Cpc *c, const CpNode *opts, CpThreadDecl *thread)
{
    for (const CpNode *opt = opts->child; opt != NULL; opt = opt->next) {
        thread->own_attr = thread->own_attr || strcmp(opt->text, "start") != 0;
    }
    return cpc_keys(c, opts, cp_thread_keys, CP_KINDS_ANY, "a thread", thread) &&
           check_attr(c, opts, &thread->attr);
}
