#include "lang/keys.h"

#include "sim/assert.h"
#include "sim/cpumask.h"
#include "sim/error.h"
#include "sim/words.h"

#include <string.h>

/* Decides which keys threads, groups, resources and the rest take, in which bounds, and how
 * those that are settings too are set from text. */

#define AT(type, field) .at = offsetof(type, field), .size = sizeof(((type *)NULL)->field)

/* The words of a choice stand in the order of the enum they become. */
const CpKey cp_thread_keys[] = {
    {{"thread.NAME.nice", CP_PARAM_INT, "0", -20, 19, NULL, "nice value of a thread"},
     AT(CpThreadDecl, attr.nice)},
    {{"thread.NAME.policy", CP_PARAM_ENUM, "normal", 0, 0, CP_SCHED_WORDS,
      "scheduling policy of a thread"},
     AT(CpThreadDecl, attr.policy),
     .hint = "the machine's scheduler is chosen in kernel { policy ... }"},
    {{"thread.NAME.prio", CP_PARAM_INT, "0", 0, 1000, NULL,
      "priority under fifo and rr (1 to 99) or a textbook policy (lower first)"},
     AT(CpThreadDecl, attr.rt_prio)},
    {{"slice", CP_PARAM_TIME, "0", 0, 0, NULL, "slice asked for; 0: the policy's own"},
     AT(CpThreadDecl, attr.slice)},
    {{"runtime", CP_PARAM_TIME, "0", 0, 0, NULL, "CPU time a period, of a deadline"},
     AT(CpThreadDecl, attr.runtime)},
    {{"deadline", CP_PARAM_TIME, "0", 0, 0, NULL, "deadline, from the period's begin"},
     AT(CpThreadDecl, attr.deadline)},
    {{"period", CP_PARAM_TIME, "0", 0, 0, NULL, "period of a deadline"},
     AT(CpThreadDecl, attr.period)},
    {{"thread.NAME.cpus", CP_PARAM_ENUM, "all", 0, 0, NULL, "CPUs a thread may use: 0-3,6"},
     CP_KEY_CPUS,
     AT(CpThreadDecl, attr.cpus)},
    {{"slack", CP_PARAM_TIME, "50us", 0, 0, NULL, "how late its timers may expire"},
     AT(CpThreadDecl, attr.slack)},
    {{"start", CP_PARAM_TIME, "0", 0, 0, NULL, "when its first instances begin"},
     AT(CpThreadDecl, start)},
    {{"tickets", CP_PARAM_INT, "100", 1, 1000000, NULL, "share under lottery and stride"},
     AT(CpThreadDecl, attr.tickets)},
    {{"interpreter", CP_PARAM_ENUM, "main", 0, 0, NULL, "python: where it runs"},
     CP_KEY_INTERP,
     AT(CpThreadDecl, interp)},
    {.param = {.name = NULL}},
};

const CpKey cp_group_keys[] = {
    {{"cgroup.NAME.quota", CP_PARAM_ENUM, "none", 0, 0, NULL,
      "CPU bandwidth of a group: a share of its period, a time, or none"},
     CP_KEY_QUOTA,
     AT(CpGroupDecl, quota)},
    {{"cgroup.NAME.period", CP_PARAM_TIME, "100ms", CP_MS, CP_S, NULL,
      "period of a group's quota"},
     CP_KEY_PERIOD,
     AT(CpGroupDecl, period)},
    {{"cgroup.NAME.burst", CP_PARAM_TIME, "0ns", 0, CP_S, NULL,
      "unused quota a group may keep"},
     AT(CpGroupDecl, burst)},
    {{"cgroup.NAME.weight", CP_PARAM_INT, "100", 1, 10000, NULL,
      "share of a group among its siblings"},
     AT(CpGroupDecl, weight)},
    {{"cgroup.NAME.cpus", CP_PARAM_ENUM, "all", 0, 0, NULL, "CPUs a group may use"},
     CP_KEY_CPUS,
     AT(CpGroupDecl, cpus)},
    {{"cgroup.NAME.idle", CP_PARAM_BOOL, "off", 0, 1, NULL,
      "the group runs only when nobody else does"},
     AT(CpGroupDecl, idle)},
    {.param = {.name = NULL}},
};

const CpKey cp_resource_keys[] = {
    {{"pi", CP_PARAM_BOOL, "off", 0, 1, NULL, "the holder inherits its waiters' priority"},
     .kinds = CP_OBJ_BIT(LOCK),
     .bit = CP_OBJ_PI,
     AT(CpObjDecl, flags)},
    {{"spin", CP_PARAM_TIME, "0", 0, 0, "forever",
      "CPU time a thread waits for it before it sleeps, or forever"},
     .kinds = CP_OBJ_BIT(LOCK) | CP_OBJ_BIT(RLOCK) | CP_OBJ_BIT(RWLOCK) |
              CP_OBJ_BIT(SEMAPHORE) | CP_OBJ_BIT(EVENT) | CP_OBJ_BIT(BARRIER),
     AT(CpObjDecl, spin)},
    {{"n", CP_PARAM_INT, "1", 0, CP_THREADS_MAX, NULL, "count of a semaphore"},
     .kinds = CP_OBJ_BIT(SEMAPHORE),
     AT(CpObjDecl, n)},
    {{"n", CP_PARAM_INT, "", 1, CP_THREADS_MAX, NULL, "parties of a barrier"},
     .kinds = CP_OBJ_BIT(BARRIER),
     AT(CpObjDecl, n)},
    {{"lock", CP_PARAM_ENUM, "", 0, 0, NULL, "lock of a condition, instead of its own"},
     CP_KEY_LOCK,
     .kinds = CP_OBJ_BIT(CONDITION),
     AT(CpObjDecl, lock)},
    {{"capacity", CP_PARAM_INT, "", 1, INT32_MAX, NULL, "most items at once"},
     .kinds = CP_OBJ_BIT(QUEUE) | CP_OBJ_BIT(SOCKET),
     AT(CpObjDecl, n)},
    {{"size", CP_PARAM_SIZE, "64KiB", 0, 0, NULL, "buffer of a pipe"},
     .kinds = CP_OBJ_BIT(PIPE),
     AT(CpObjDecl, size)},
    {{"latency", CP_PARAM_TIME, "0", 0, 0, NULL, "time on the way, one way"},
     .kinds = CP_OBJ_BIT(SOCKET),
     AT(CpObjDecl, latency)},
    {{"bandwidth", CP_PARAM_SIZE, "", 0, 0, NULL, "bytes a second"},
     .kinds = CP_OBJ_BIT(SOCKET) | CP_OBJ_BIT(DEVICE),
     AT(CpObjDecl, bandwidth)},
    {{"channels", CP_PARAM_INT, "1", 1, 65536, NULL, "requests served at once"},
     .kinds = CP_OBJ_BIT(DEVICE),
     AT(CpObjDecl, n)},
    {{"service", CP_PARAM_TIME, "", 0, 0, NULL, "time a request takes"},
     CP_KEY_SERVICE,
     .kinds = CP_OBJ_BIT(DEVICE)},
    {{"irq", CP_PARAM_TIME, "0", 0, 0, NULL, "time of the interrupt at completion"},
     .kinds = CP_OBJ_BIT(DEVICE),
     AT(CpObjDecl, latency)},
    {.param = {.name = NULL}},
};

const CpKey cp_noise_keys[] = {
    {{"every", CP_PARAM_TIME, "", 0, 0, NULL, "time from one interrupt to the next"},
     CP_KEY_DIST,
     .at = offsetof(CpNoiseDecl, every)},
    {{"steal", CP_PARAM_TIME, "", 0, 0, NULL, "time each takes"},
     CP_KEY_DIST,
     .at = offsetof(CpNoiseDecl, steal)},
    {{"cpus", CP_PARAM_ENUM, "all", 0, 0, NULL, "CPUs it disturbs"},
     CP_KEY_CPUS,
     AT(CpNoiseDecl, cpus)},
    {.param = {.name = NULL}},
};

#define START_METHODS "default|fork|spawn|forkserver"

const CpKey cp_spawn_keys[] = {
    {{"after", CP_PARAM_TIME, "0", 0, 0, NULL, "a Timer: it sleeps first"},
     AT(CpSpawnKeys, after)},
    {{"guard", CP_PARAM_BOOL, "on", 0, 1, NULL, "the main module has its guard"},
     AT(CpSpawnKeys, guard)},
    {{"start", CP_PARAM_ENUM, "default", 0, 0, START_METHODS, "start method of a process"},
     AT(CpSpawnKeys, method)},
    {.param = {.name = NULL}},
};

const CpKey cp_pool_keys[] = {
    {{"start", CP_PARAM_ENUM, "default", 0, 0, START_METHODS, "start method of workers"},
     AT(CpPoolDecl, start_method)},
    {.param = {.name = NULL}},
};

const CpKey cp_loop_keys[] = {
    {{"eager", CP_PARAM_BOOL, "off", 0, 1, NULL, "tasks begin when they are created"},
     .bit = CP_TASK_EAGER,
     .size = sizeof(uint32_t)},
    {.param = {.name = NULL}},
};

const CpKey cp_interp_keys[] = {
    {{"gil", CP_PARAM_ENUM, "own", 0, 0, "shared|own", "whether it has a GIL of its own"},
     AT(CpInterpDecl, own_gil)},
    {.param = {.name = NULL}},
};

/* --- rows --- */

const char *cp_key_word(const CpKey *key)
{
    const char *dot = strrchr(key->param.name, '.');
    return dot != NULL ? dot + 1 : key->param.name;
}

bool cp_key_is_setting(const CpKey *key)
{
    return strchr(key->param.name, '.') != NULL;
}

static bool has_kind(const CpKey *key, uint32_t kinds)
{
    return key->kinds == 0 || (key->kinds & kinds) != 0;
}

const CpKey *cp_key_find(const CpKey *table, uint32_t kinds, const char *word)
{
    for (const CpKey *key = table; key->param.name != NULL; key++) {
        if (has_kind(key, kinds) && strcmp(cp_key_word(key), word) == 0) {
            return key;
        }
    }
    return NULL;
}

const char **cp_key_words(const CpKey *table, uint32_t kinds)
{
    GPtrArray *words = g_ptr_array_new();
    for (const CpKey *key = table; key->param.name != NULL; key++) {
        if (has_kind(key, kinds)) {
            g_ptr_array_add(words, (char *)(uintptr_t)cp_key_word(key));
        }
    }
    g_ptr_array_add(words, NULL);
    return (const char **)g_ptr_array_free(words, FALSE);
}

void cp_key_store(const CpKey *key, void *row, int64_t value)
{
    char *at = (char *)row + key->at;
    uint32_t word = (uint32_t)value;
    uint8_t byte = (uint8_t)value;
    if (key->bit != 0) {
        cp_require(key->size == sizeof word);
        memcpy(&word, at, sizeof word);
        word = value != 0 ? word | key->bit : word & ~key->bit;
    }
    switch (key->size) {
    case sizeof byte:
        memcpy(at, &byte, sizeof byte);
        break;
    case sizeof word:
        memcpy(at, &word, sizeof word);
        break;
    default:
        cp_require(key->size == sizeof value);
        memcpy(at, &value, sizeof value);
    }
}

/* --- settings from text --- */

gboolean cp_mask_parse(CpWorkload *w, const char *text, uint32_t *mask, GError **error)
{
    g_autofree char *dense = g_strdup(text);
    char *to = dense;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != ' ' && *from != '\t') {
            *to++ = *from;
        }
    }
    *to = '\0';
    if (strcmp(dense, "all") == 0) {
        *mask = CP_NONE;
        return TRUE;
    }
    CpCpuMask cpus;
    if (!cp_parse_cpus(dense, &cpus, error)) {
        return FALSE;
    }
    *mask = cp_workload_mask(w, &cpus);
    return TRUE;
}

static gboolean check_bounds(const CpParam *p, int64_t value, const char *text,
                             GError **error)
{
    if ((p->min == 0 && p->max == 0) || (value >= p->min && value <= p->max)) {
        return TRUE;
    }
    bool time = p->type == CP_PARAM_TIME;
    g_autofree char *min =
        time ? cp_format_time(p->min) : g_strdup_printf("%" G_GINT64_FORMAT, p->min);
    g_autofree char *max =
        time ? cp_format_time(p->max) : g_strdup_printf("%" G_GINT64_FORMAT, p->max);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "'%s' is out of range; expected %s to %s",
                text, min, max);
    return FALSE;
}

static gboolean parse_switch(const char *text, int64_t *value, GError **error)
{
    *value = strcmp(text, "on") == 0;
    if (*value == 0 && strcmp(text, "off") != 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "'%s' is neither 'on' nor 'off'",
                    text);
        return FALSE;
    }
    return TRUE;
}

static CpTime period_of(const CpGroupDecl *g)
{
    return g->period > 0 ? g->period : 100 * CP_MS;
}

/* A share of the period, a time, or none. */
static gboolean parse_quota(const CpGroupDecl *g, const char *text, int64_t *quota,
                            GError **error)
{
    int64_t share;
    if (strcmp(text, "none") == 0) {
        *quota = 0;
        return TRUE;
    }
    if (strchr(text, '%') == NULL) {
        return cp_parse_time(text, quota, error);
    }
    if (!cp_parse_share(text, &share, error)) {
        return FALSE;
    }
    if (share <= 0 || share > (int64_t)CP_CPUS_MAX * 1000000) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "'%s' is out of range; expected above 0 %% and at most 102400 %%",
                    text);
        return FALSE;
    }
    *quota = (CpTime)((__int128)share * period_of(g) / 1000000);
    return TRUE;
}

/* The number of a word of the choices. */
static gboolean parse_choice(const CpParam *p, const char *text, int64_t *value,
                             GError **error)
{
    g_auto(GStrv) words = g_strsplit(p->choices, "|", -1);
    for (int64_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], text) == 0) {
            *value = i;
            return TRUE;
        }
    }
    const char *near = cp_nearest(text, (const char *const *)words);
    g_autofree char *all = g_strjoinv(", ", words);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE, "'%s' is none of %s%s%s%s", text, all,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return FALSE;
}

static gboolean parse_plain(const CpParam *p, const char *text, int64_t *value,
                            GError **error)
{
    switch (p->type) {
    case CP_PARAM_BOOL:
        return parse_switch(text, value, error);
    case CP_PARAM_ENUM:
        cp_require(p->choices != NULL);
        return parse_choice(p, text, value, error);
    case CP_PARAM_TIME:
        return cp_parse_time(text, value, error) && check_bounds(p, *value, text, error);
    default:
        cp_require(p->type == CP_PARAM_INT);
        return cp_parse_int(text, value, error) && check_bounds(p, *value, text, error);
    }
}

static gboolean set_text(CpWorkload *w, const CpKey *key, void *row, const char *text,
                         GError **error)
{
    int64_t value = 0;
    uint32_t mask;
    CpGroupDecl *g = row;
    switch (key->form) {
    case CP_KEY_CPUS:
        if (!cp_mask_parse(w, text, &mask, error)) {
            return FALSE;
        }
        value = mask;
        break;
    case CP_KEY_QUOTA:
        if (!parse_quota(g, text, &value, error)) {
            return FALSE;
        }
        break;
    case CP_KEY_PERIOD:
        if (!parse_plain(&key->param, text, &value, error)) {
            return FALSE;
        }
        g->quota = (CpTime)((__int128)g->quota * value / period_of(g));
        break;
    default:
        if (!parse_plain(&key->param, text, &value, error)) {
            return FALSE;
        }
    }
    cp_key_store(key, row, value);
    return TRUE;
}

/* "unknown setting 'cpu' of a cgroup; did you mean 'cpus'?" */
static gboolean unknown_setting(const CpKey *table, const char *of, const char *word,
                                GError **error)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    for (const CpKey *key = table; key->param.name != NULL; key++) {
        if (cp_key_is_setting(key)) {
            g_ptr_array_add(words, (char *)(uintptr_t)cp_key_word(key));
        }
    }
    g_ptr_array_add(words, NULL);
    const char *near = cp_nearest(word, (const char *const *)words->pdata);
    if (near != NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "unknown setting '%s' of a %s; did you mean '%s'?", word, of, near);
        return FALSE;
    }
    const char *last = words->pdata[words->len - 2];
    words->pdata[words->len - 2] = NULL;
    g_autofree char *all = g_strjoinv(", ", (char **)words->pdata);
    g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                "unknown setting '%s' of a %s; expected %s or %s", word, of, all, last);
    return FALSE;
}

static const CpKey *find_setting(const CpKey *table, const char *word)
{
    const CpKey *key = cp_key_find(table, CP_KINDS_ANY, word);
    return key != NULL && cp_key_is_setting(key) ? key : NULL;
}

gboolean cp_group_set(CpWorkload *w, CpGroup group, const char *word, const char *text,
                      GError **error)
{
    const CpKey *key = find_setting(cp_group_keys, word);
    return key != NULL ? set_text(w, key, cp_group_decl(w, group), text, error)
                       : unknown_setting(cp_group_keys, "cgroup", word, error);
}

gboolean cp_thread_set(CpWorkload *w, uint32_t thread, const char *word, const char *text,
                       GError **error)
{
    const CpKey *key = find_setting(cp_thread_keys, word);
    if (key == NULL) {
        return unknown_setting(cp_thread_keys, "thread", word, error);
    }
    CpThreadDecl *t = cp_thread_decl(w, thread);
    if (!set_text(w, key, t, text, error)) {
        return FALSE;
    }
    t->own_attr = true;
    return TRUE;
}

/* --- names --- */

/* Whether `path` names the group: the whole path, or its last part. */
static bool group_is(const CpWorkload *w, CpGroup group, const char *path)
{
    const char *name = cp_workload_text(w, cp_group_decl(w, group)->name);
    if (strcmp(name, path) == 0) {
        return true;
    }
    const char *last = strrchr(name, '/');
    return last != NULL && strcmp(last + 1, path) == 0;
}

CpGroup cp_group_find(const CpWorkload *w, const char *path)
{
    CpGroup found = CP_NONE;
    for (CpGroup i = 1; i < w->groups->len; i++) {
        if (strcmp(cp_workload_text(w, cp_group_decl(w, i)->name), path) == 0) {
            return i;
        }
        if (group_is(w, i, path)) {
            found = found == CP_NONE ? i : CP_NONE;
        }
    }
    return found;
}

uint32_t cp_thread_find(const CpWorkload *w, const char *name, uint32_t from)
{
    for (uint32_t i = from; i < w->threads->len; i++) {
        const CpThreadDecl *t = cp_thread_decl(w, i);
        bool any = strcmp(name, "*") == 0 && !(t->flags & CP_THREAD_LOAD);
        if (any || strcmp(cp_workload_text(w, t->name), name) == 0) {
            return i;
        }
    }
    return CP_NONE;
}
