#include "models/python/laws.h"

#include "sim/error.h"
#include "sim/params.h"

#include <stdarg.h>

enum { UNKNOWN = CP_NONE - 1 }; /* not seen yet */

typedef struct {
    uint32_t thread; /* it runs on */
    bool iterates;   /* between READY and the next SELECT */
    int64_t handles; /* of the iteration, not run yet; -1: not known */
} Loop;

struct CpPyLaws {
    GArray *holders;  /* uint32_t by interpreter lock: thread, CP_NONE, UNKNOWN */
    GArray *owners;   /* the same by lock */
    GArray *held;     /* uint32_t by thread: interpreter lock it has, CP_NONE, UNKNOWN */
    GArray *running;  /* uint32_t by CPU: thread, CP_NONE, UNKNOWN */
    GArray *loops;    /* Loop */
    GHashTable *open; /* future -> 1 + whether it is a pool's call */
    GHashTable *past; /* futures that were made, and have ended */
    CpTime now;
};

static GArray *unknown_array(void)
{
    return g_array_new(FALSE, FALSE, sizeof(uint32_t));
}

static uint32_t *at(GArray *array, uint32_t i)
{
    const uint32_t unknown = UNKNOWN;
    while (array->len <= i) {
        g_array_append_val(array, unknown);
    }
    return &g_array_index(array, uint32_t, i);
}

CpPyLaws *cp_pylaws_new(void)
{
    CpPyLaws *laws = g_new0(CpPyLaws, 1);
    laws->holders = unknown_array();
    laws->owners = unknown_array();
    laws->held = unknown_array();
    laws->running = unknown_array();
    laws->loops = g_array_new(FALSE, TRUE, sizeof(Loop));
    laws->open = g_hash_table_new(NULL, NULL);
    laws->past = g_hash_table_new(NULL, NULL);
    return laws;
}

void cp_pylaws_free(CpPyLaws *laws)
{
    g_array_unref(laws->holders);
    g_array_unref(laws->owners);
    g_array_unref(laws->held);
    g_array_unref(laws->running);
    g_array_unref(laws->loops);
    g_hash_table_unref(laws->open);
    g_hash_table_unref(laws->past);
    g_free(laws);
}

static gboolean broken(const CpPyLaws *laws, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static gboolean broken(const CpPyLaws *laws, GError **error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *when = cp_format_time(laws->now);
    g_set_error(error, CP_ERROR, CP_ERROR_MODEL, "%s, at %s", what, when);
    return FALSE;
}

/* --- locks --- */

static gboolean got(CpPyLaws *laws, const CpRecord *r, uint32_t thread, GError **error)
{
    bool gil = cp_record_kind(r) == CP_REC_GIL_GOT;
    uint32_t *holder = at(gil ? laws->holders : laws->owners, r->id);
    if (*holder < UNKNOWN && (gil || *holder != thread)) {
        return broken(laws, error, "%s %u is taken by thread %u while thread %u has it",
                      gil ? "interpreter lock" : "lock", r->id, thread, *holder);
    }
    *holder = thread;
    if (gil) {
        *at(laws->held, thread) = r->id;
        uint32_t runs = r->cpu != CP_RECORD_NO_CPU ? *at(laws->running, r->cpu) : UNKNOWN;
        if (runs != UNKNOWN && runs != thread) {
            return broken(laws, error,
                          "interpreter lock %u is taken by thread %u, which is not running",
                          r->id, thread);
        }
    }
    return TRUE;
}

static gboolean drop(CpPyLaws *laws, const CpRecord *r, uint32_t thread, GError **error)
{
    bool gil = cp_record_kind(r) == CP_REC_GIL_DROP;
    uint32_t *holder = at(gil ? laws->holders : laws->owners, r->id);
    if (*holder != UNKNOWN && *holder != thread) {
        return broken(laws, error, "%s %u is given up by thread %u, which does not have it",
                      gil ? "interpreter lock" : "lock", r->id, thread);
    }
    *holder = CP_NONE;
    if (gil) {
        *at(laws->held, thread) = CP_NONE;
    }
    return TRUE;
}

/* A thread that is gone has nothing any more; its process may have been ended. */
static void gone(CpPyLaws *laws, uint32_t thread)
{
    uint32_t *gil = at(laws->held, thread);
    if (*gil < UNKNOWN) {
        *at(laws->holders, *gil) = CP_NONE;
    }
    *gil = UNKNOWN;
}

/* The thread does what only Python code does. */
static gboolean runs_python(CpPyLaws *laws, uint32_t thread, const char *what,
                            GError **error)
{
    return *at(laws->held, thread) != CP_NONE ||
           broken(laws, error, "thread %u %s without its interpreter's lock", thread, what);
}

/* --- loops --- */

static Loop *loop_at(CpPyLaws *laws, uint32_t id)
{
    const Loop fresh = {.thread = UNKNOWN, .handles = -1};
    while (laws->loops->len <= id) {
        g_array_append_val(laws->loops, fresh);
    }
    return &g_array_index(laws->loops, Loop, id);
}

static gboolean loop_turns(CpPyLaws *laws, const CpRecord *r, const CpRecord *more,
                           GError **error)
{
    Loop *l = loop_at(laws, r->id);
    if (l->thread != UNKNOWN && l->thread != more->id) {
        return broken(laws, error, "loop %u runs on thread %u and on thread %u", r->id,
                      l->thread, more->id);
    }
    l->thread = more->id;
    l->iterates = cp_record_kind(r) == CP_REC_LOOP_READY;
    l->handles = l->iterates ? cp_record_value(more) : 0;
    return runs_python(laws, l->thread, "runs an event loop", error);
}

static gboolean loop_steps(CpPyLaws *laws, const CpRecord *r, GError **error)
{
    Loop *l = loop_at(laws, r->id);
    if (l->thread == UNKNOWN) {
        return TRUE;
    }
    if (!l->iterates || l->handles == 0) {
        return broken(laws, error, "loop %u makes a step %s", r->id,
                      l->iterates ? "more than it has handles" : "while it polls");
    }
    l->handles--;
    return runs_python(laws, l->thread, "makes a step of a task", error);
}

/* --- futures --- */

static gboolean made(CpPyLaws *laws, const CpRecord *r, const CpRecord *more,
                     GError **error)
{
    bool call = CP_RECORD_TASK_NUMBER(cp_record_value(more)) == 0;
    return g_hash_table_insert(laws->open, GUINT_TO_POINTER(r->id),
                               GUINT_TO_POINTER(1 + call)) ||
           broken(laws, error, "future %u is made again before it has ended", r->id);
}

static gboolean ended(CpPyLaws *laws, const CpRecord *r, GError **error)
{
    void *id = GUINT_TO_POINTER(r->id);
    bool known = g_hash_table_remove(laws->open, id);
    bool first = g_hash_table_add(laws->past, id);
    return known || first || broken(laws, error, "future %u ends twice", r->id);
}

/* --- the walk --- */

static gboolean acts(CpPyLaws *laws, const CpRecord *r, uint32_t thread, GError **error)
{
    bool on_cpu = r->cpu != CP_RECORD_NO_CPU && *at(laws->running, r->cpu) == thread;
    return !on_cpu || runs_python(laws, thread, "runs Python code", error);
}

static gboolean look(CpPyLaws *laws, const CpRecord *r, const CpRecord *more,
                     GError **error)
{
    switch (cp_record_kind(r)) {
    case CP_REC_SWITCH:
        *at(laws->running, r->cpu) = r->id;
        return TRUE;
    case CP_REC_EXIT:
        gone(laws, r->id);
        return TRUE;
    case CP_REC_GIL_GOT:
    case CP_REC_LOCK_GOT:
        return got(laws, r, more->id, error);
    case CP_REC_GIL_DROP:
    case CP_REC_LOCK_DROP:
        return drop(laws, r, more->id, error);
    case CP_REC_LOOP_SELECT:
    case CP_REC_LOOP_READY:
        return loop_turns(laws, r, more, error);
    case CP_REC_LOOP_STEP:
        return loop_steps(laws, r, error);
    case CP_REC_TASK_CREATE:
        return made(laws, r, more, error);
    case CP_REC_TASK_END:
        return ended(laws, r, error);
    case CP_REC_MARK:
    case CP_REC_RESPOND:
        return acts(laws, r, more->id, error);
    default:
        return TRUE;
    }
}

gboolean cp_pylaws_read(void *data, const CpRecord *records, size_t n, GError **error)
{
    CpPyLaws *laws = data;
    for (size_t i = 0; i < n; i++) {
        const CpRecord *r = &records[i];
        if (cp_record_kind(r) == CP_REC_MORE) {
            continue;
        }
        const CpRecordInfo *info = cp_record_info(cp_record_kind(r));
        bool has_more = info != NULL && info->has_more && i + 1 < n;
        if (cp_record_time(r) < laws->now) {
            return broken(laws, error, "time goes back");
        }
        laws->now = cp_record_time(r);
        if ((has_more || info == NULL || !info->has_more) &&
            !look(laws, r, has_more ? r + 1 : NULL, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

gboolean cp_pylaws_end(const CpPyLaws *laws, bool done, GError **error)
{
    GHashTableIter iter;
    void *id, *value;
    g_hash_table_iter_init(&iter, laws->open);
    while (done && g_hash_table_iter_next(&iter, &id, &value)) {
        if (GPOINTER_TO_UINT(value) == 2) {
            return broken(laws, error, "call %u was submitted and has not ended",
                          GPOINTER_TO_UINT(id));
        }
    }
    return TRUE;
}
