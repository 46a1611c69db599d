#include "traces/rebuild/evidence.h"

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

GPtrArray *cp_rebuild_names(const CpRebuild *rb, bool plain)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (uint32_t i = 0; i < rb->order->len; i++) {
        const char *name = g_ptr_array_index(rb->names, cp_rebuild_kept(rb, i)->facts.id);
        char *one =
            plain ? cp_rebuild_plain_name(name, "t") : g_strdup(*name ? name : "thread");
        g_ptr_array_add(names, one);
        void *count = g_hash_table_lookup(seen, one);
        g_hash_table_insert(seen, g_strdup(one),
                            GUINT_TO_POINTER(GPOINTER_TO_UINT(count) + 1));
    }
    for (uint32_t i = 0; i < rb->order->len; i++) {
        char *one = g_ptr_array_index(names, i);
        if (GPOINTER_TO_UINT(g_hash_table_lookup(seen, one)) > 1) {
            uint32_t id = cp_rebuild_kept(rb, i)->facts.id;
            char *longer = g_strdup_printf("%s_%" G_GINT64_FORMAT, one, rb->tids[id]);
            /* A pid may have been used twice. */
            if (g_hash_table_contains(seen, longer)) {
                char *last = g_strdup_printf("%s_%u", longer, id);
                g_free(longer);
                longer = last;
            }
            g_hash_table_insert(seen, g_strdup(longer), GUINT_TO_POINTER(1));
            g_ptr_array_index(names, i) = longer;
            g_free(one);
        }
    }
    return names;
}

const char *cp_rebuild_process_name(const CpRebuild *rb, uint32_t id)
{
    const char *name = g_ptr_array_index(rb->processes, id);
    return *name ? name : g_ptr_array_index(rb->names, id);
}
