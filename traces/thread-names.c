#include "traces/thread-names.h"

#include "lang/diag.h"

#include <string.h>

/* Decides what makes the name of a thread its own. */

static unsigned count_up(GHashTable *table, const char *key)
{
    unsigned n = GPOINTER_TO_UINT(g_hash_table_lookup(table, key)) + 1;
    g_hash_table_insert(table, g_strdup(key), GUINT_TO_POINTER(n));
    return n;
}

static unsigned times(GHashTable *table, const char *key)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(table, key));
}

static char *own_name(const CpCpr *cpr, const CpCprThread *thread)
{
    char *name = cp_clean_text(cp_cpr_text(cpr, thread->name), -1);
    if (name[0] != '\0') {
        return name;
    }
    g_free(name);
    return g_strdup_printf("thread %" G_GINT64_FORMAT, thread->tid);
}

/* With its process before it, or NULL: that says no more. */
static char *full_name(const CpCpr *cpr, const CpCprThread *thread, const char *name)
{
    g_autofree char *process = cp_clean_text(cp_cpr_text(cpr, thread->process), -1);
    return process[0] != '\0' && strcmp(process, name) != 0
               ? g_strdup_printf("%s: %s", process, name)
               : NULL;
}

char **cp_thread_names(const CpCpr *cpr)
{
    uint32_t n = cp_cpr_n_threads(cpr);
    char **names = g_new0(char *, (size_t)n + 1);
    g_autoptr(GHashTable) counts =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (uint32_t id = 0; id < n; id++) {
        const CpCprThread *thread = cp_cpr_thread_at(cpr, id);
        names[id] = own_name(cpr, thread);
        g_autofree char *full = full_name(cpr, thread, names[id]);
        count_up(counts, names[id]);
        if (full != NULL) {
            count_up(counts, full);
        }
    }
    g_autoptr(GHashTable) given =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (uint32_t id = 0; id < n; id++) {
        const CpCprThread *thread = cp_cpr_thread_at(cpr, id);
        g_autofree char *name = names[id];
        g_autofree char *full = full_name(cpr, thread, name);
        if (times(counts, name) == 1) {
            names[id] = g_strdup(name);
        } else if (full != NULL && times(counts, full) == 1) {
            names[id] = g_strdup(full);
        } else {
            names[id] = g_strdup_printf("%s (%" G_GINT64_FORMAT ")", name, thread->tid);
        }
        unsigned again = count_up(given, names[id]); /* a number may have been used twice */
        if (again > 1) {
            g_autofree char *first = names[id];
            names[id] = g_strdup_printf("%s #%u", first, again);
        }
    }
    return names;
}
