#include "traces/rebuild/evidence.h"

#include <string.h>

/* How the threads of a recording are called in a workload. */

static bool is_name_char(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

/* Letters, digits and '_', other characters becoming '_', never beginning with a digit. */
char *cp_rebuild_plain_name(const char *name, const char *otherwise)
{
    GString *out = g_string_new(NULL);
    for (const char *p = name; *p != 0; p++) {
        bool good = is_name_char(*p);
        if (good || (out->len > 0 && out->str[out->len - 1] != '_')) {
            g_string_append_c(out, good ? *p : '_');
        }
    }
    while (out->len > 0 && out->str[out->len - 1] == '_') {
        g_string_truncate(out, out->len - 1);
    }
    if (out->len == 0 || g_ascii_isdigit(out->str[0])) {
        g_string_prepend(out, otherwise);
    }
    return g_string_free(out, FALSE);
}

/* New text: a name that several threads have, made distinct as charts of the recording do
 * it: by its process, if it is the only one of the name there, else by its number.  In the
 * workload language by its number. */
static char *distinct_name(const CpRebuild *rb, uint32_t id, const char *name, bool plain,
                           GHashTable *seen)
{
    if (plain) {
        return g_strdup_printf("%s_%" G_GINT64_FORMAT, name, rb->tids[id]);
    }
    const char *process = g_ptr_array_index(rb->processes, id);
    g_autofree char *full = g_strdup_printf("%s: %s", process, name);
    if (*process != 0 && strcmp(process, name) != 0 &&
        GPOINTER_TO_UINT(g_hash_table_lookup(seen, full)) == 1) {
        return g_steal_pointer(&full);
    }
    return g_strdup_printf("%s (%" G_GINT64_FORMAT ")", name, rb->tids[id]);
}

static void count_up(GHashTable *seen, char *name)
{
    void *count = g_hash_table_lookup(seen, name);
    g_hash_table_insert(seen, name, GUINT_TO_POINTER(GPOINTER_TO_UINT(count) + 1));
}

GPtrArray *cp_rebuild_names(const CpRebuild *rb, bool plain)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (uint32_t i = 0; i < rb->order->len; i++) {
        uint32_t id = cp_rebuild_kept(rb, i)->facts.id;
        const char *name = g_ptr_array_index(rb->names, id);
        const char *process = g_ptr_array_index(rb->processes, id);
        char *one =
            plain ? cp_rebuild_plain_name(name, "t") : g_strdup(*name ? name : "thread");
        g_ptr_array_add(names, one);
        count_up(seen, g_strdup(one));
        count_up(seen, g_strdup_printf("%s: %s", process, one));
    }
    g_autoptr(GHashTable) taken =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (uint32_t i = 0; i < rb->order->len; i++) {
        char *one = g_ptr_array_index(names, i);
        uint32_t id = cp_rebuild_kept(rb, i)->facts.id;
        if (GPOINTER_TO_UINT(g_hash_table_lookup(seen, one)) > 1) {
            g_autofree char *longer = distinct_name(rb, id, one, plain, seen);
            bool used = g_hash_table_lookup(taken, longer) != NULL ||
                        (plain && g_hash_table_contains(seen, longer));
            /* A pid may have been used twice. */
            char *last = used ? g_strdup_printf("%s_%u", longer, id) : g_strdup(longer);
            count_up(taken, g_strdup(last));
            g_ptr_array_index(names, i) = last;
            g_free(one);
        }
    }
    return names;
}

char *cp_rebuild_pair_name(const CpRebuild *rb, uint32_t pair, const GPtrArray *names)
{
    const RebuildPair *p = &g_array_index(rb->pairs, RebuildPair, pair);
    uint32_t waker = rb->threads[p->waker].facts.decl;
    uint32_t other = rb->threads[p->other].facts.decl;
    return g_strdup_printf("answered_%s_by_%s",
                           (const char *)g_ptr_array_index(names, waker),
                           (const char *)g_ptr_array_index(names, other));
}

const char *cp_rebuild_process_name(const CpRebuild *rb, uint32_t id)
{
    const char *name = g_ptr_array_index(rb->processes, id);
    return *name ? name : g_ptr_array_index(rb->names, id);
}
