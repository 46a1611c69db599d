#include "plots/cast.h"

#include "plots/lanes.h"
#include "traces/thread-names.h"

#include <stdlib.h>
#include <string.h>

/* --- reading --- */

typedef struct {
    CpTime from, to;    /* the window */
    CpTime *whole, *in; /* [thread]: CPU time of the run, of the window */
    uint64_t *n_slices; /* [cpu] */
    uint32_t n_ids;
} Census;

static void count_slice(void *data, uint32_t cpu, uint32_t tid, CpTime from, CpTime to)
{
    Census *census = data;
    CpTime begin = MAX(from, census->from), end = MIN(to, census->to);
    if (begin < end) {
        census->n_slices[cpu]++;
    }
    if (tid < census->n_ids) {
        census->whole[tid] += to - from;
        census->in[tid] += begin < end ? end - begin : 0;
    }
}

/* --- names --- */

static const char *skip_zeros(const char *digits)
{
    while (digits[0] == '0' && g_ascii_isdigit(digits[1])) {
        digits++;
    }
    return digits;
}

int cp_name_compare(const char *a, const char *b)
{
    while (*a != '\0' && *b != '\0') {
        if (g_ascii_isdigit(*a) && g_ascii_isdigit(*b)) {
            a = skip_zeros(a);
            b = skip_zeros(b);
            size_t na = strspn(a, "0123456789"), nb = strspn(b, "0123456789");
            int order = na != nb ? (na < nb ? -1 : 1) : strncmp(a, b, na);
            if (order != 0) {
                return order;
            }
            a += na;
            b += nb;
        } else if (*a != *b) {
            return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
        } else {
            a++;
            b++;
        }
    }
    return (*a != '\0') - (*b != '\0');
}

static unsigned count_up(GHashTable *table, const char *key)
{
    unsigned n = GPOINTER_TO_UINT(g_hash_table_lookup(table, key)) + 1;
    g_hash_table_insert(table, g_strdup(key), GUINT_TO_POINTER(n));
    return n;
}

static void free_actor(void *data)
{
    CpActor *actor = data;
    g_free(actor->name);
    g_free(actor);
}

/* The actor of a name, if no other thread of this recording plays it: index + 1, or 0. */
static unsigned find_actor(GHashTable *by_key, const char *key, GHashTable *taken)
{
    void *found = g_hash_table_lookup(by_key, key);
    return found != NULL && !g_hash_table_contains(taken, found) ? GPOINTER_TO_UINT(found)
                                                                 : 0;
}

static void remember(GHashTable *by_key, char *key, unsigned actor)
{
    if (!g_hash_table_contains(by_key, key)) {
        g_hash_table_insert(by_key, key, GUINT_TO_POINTER(actor));
    } else {
        g_free(key);
    }
}

/* Finds or makes the actor of each thread that ran; `by_key` maps names, and "plain name,
 * number of its occurrence", to index + 1 over all recordings. */
static void add_actors(CpCast *cast, size_t recording, const CpCpr *cpr,
                       const Census *census, GHashTable *by_key)
{
    g_auto(GStrv) names = cp_thread_names(cpr);
    g_autoptr(GHashTable) seen =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) taken = g_hash_table_new(NULL, NULL);
    for (uint32_t tid = 0; tid < census->n_ids; tid++) {
        cast->actor_of[recording][tid] = CP_NONE;
        if (census->whole[tid] == 0) {
            continue;
        }
        const char *plain = cp_cpr_text(cpr, cp_cpr_thread_at(cpr, tid)->name);
        char *key = g_strdup_printf("%s\n%u", plain, count_up(seen, plain));
        unsigned found = find_actor(by_key, names[tid], taken);
        found = found == 0 ? find_actor(by_key, key, taken) : found;
        if (found == 0) {
            CpActor *actor = g_new0(CpActor, 1);
            actor->name = g_strdup(names[tid]);
            g_ptr_array_add(cast->actors, actor);
            found = cast->actors->len;
        }
        g_hash_table_add(taken, GUINT_TO_POINTER(found));
        remember(by_key, key, found);
        remember(by_key, g_strdup(names[tid]), found);
        CpActor *actor = g_ptr_array_index(cast->actors, found - 1);
        actor->whole_ns += census->whole[tid];
        actor->cpu_ns += census->in[tid];
        cast->actor_of[recording][tid] = found - 1;
    }
}

static gboolean read_recording(CpCast *cast, size_t i, CpCpr *cpr, Census *census,
                               GHashTable *by_key, GError **error)
{
    const CpCprInfo *info = cp_cpr_info(cpr);
    census->n_ids = cp_cpr_n_threads(cpr);
    cast->n_ids[i] = census->n_ids;
    cast->actor_of[i] = g_new0(uint32_t, census->n_ids + 1);
    cast->n_slices[i] = census->n_slices = g_new0(uint64_t, info->n_cpus + 1);
    g_autofree CpTime *whole = census->whole = g_new0(CpTime, census->n_ids + 1);
    g_autofree CpTime *in = census->in = g_new0(CpTime, census->n_ids + 1);
    if (!cp_slices_walk(cpr, info->start, info->end, count_slice, census, error)) {
        return FALSE;
    }
    add_actors(cast, i, cpr, census, by_key);
    return TRUE;
}

CpCast *cp_cast_new(CpCpr *const *recordings, size_t n, CpTime from, CpTime to,
                    GError **error)
{
    CpCast *cast = g_new0(CpCast, 1);
    cast->actors = g_ptr_array_new_with_free_func(free_actor);
    cast->n_recordings = n;
    cast->actor_of = g_new0(uint32_t *, n + 1);
    cast->n_slices = g_new0(uint64_t *, n + 1);
    cast->n_ids = g_new0(uint32_t, n + 1);
    g_autoptr(GHashTable) by_key =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < n; i++) {
        Census census = {.from = from, .to = to};
        if (!read_recording(cast, i, recordings[i], &census, by_key, error)) {
            cp_cast_free(cast);
            return NULL;
        }
    }
    return cast;
}

void cp_cast_free(CpCast *cast)
{
    if (cast == NULL) {
        return;
    }
    for (size_t i = 0; i < cast->n_recordings; i++) {
        g_free(cast->actor_of[i]);
        g_free(cast->n_slices[i]);
    }
    g_ptr_array_unref(cast->actors);
    g_free(cast->actor_of);
    g_free(cast->n_slices);
    g_free(cast->n_ids);
    g_free(cast->listed);
    g_free(cast);
}

/* --- order and colours --- */

/* Recordings of real machines hold dozens of threads that ran for microseconds.  They are
 * named only while there is room for all. */
#define LEAST_PART 1000 /* of the CPU time of all */

enum { ROOM_FOR_ALL = 8 };

static CpTime sum_times(const CpCast *cast, bool is_whole)
{
    CpTime sum = 0;
    for (guint i = 0; i < cast->actors->len; i++) {
        const CpActor *actor = g_ptr_array_index(cast->actors, i);
        sum += is_whole ? actor->whole_ns : actor->cpu_ns;
    }
    return sum;
}

static int by_time(CpTime a, CpTime b, const CpActor *x, const CpActor *y)
{
    return a != b ? (a > b ? -1 : 1) : cp_name_compare(x->name, y->name);
}

static int by_whole(const void *a, const void *b)
{
    const CpActor *x = *(CpActor *const *)a, *y = *(CpActor *const *)b;
    return by_time(x->whole_ns, y->whole_ns, x, y);
}

static int by_window(const void *a, const void *b)
{
    const CpActor *x = *(CpActor *const *)a, *y = *(CpActor *const *)b;
    return by_time(x->cpu_ns, y->cpu_ns, x, y);
}

static int by_name(const void *a, const void *b)
{
    return cp_name_compare((*(CpActor *const *)a)->name, (*(CpActor *const *)b)->name);
}

/* How many of `order`, sorted by CPU time in the window, are listed. */
static uint32_t count_listed(const CpCast *cast, CpActor *const *order, uint32_t n_ran,
                             uint32_t max)
{
    CpTime least = sum_times(cast, false) / LEAST_PART;
    uint32_t n = n_ran;
    while (n_ran > ROOM_FOR_ALL && n > 1 && order[n - 1]->cpu_ns < least) {
        n--;
    }
    /* "others (1)" would save nothing. */
    n = n + 1 == n_ran ? n_ran : n;
    return n == n_ran && n <= max ? n : MIN(n, max - 1);
}

/* Sorts the stars by name, those that ran longer than others' noise first, so that these
 * get the clearest colours. */
static uint32_t sort_stars(const CpCast *cast, CpActor **order, uint32_t n)
{
    CpTime least = sum_times(cast, true) / LEAST_PART;
    uint32_t n_stars = MIN(n, CP_THEME_COLOURS), n_large = 0;
    qsort(order, n, sizeof *order, by_whole);
    while (n_large < n_stars && order[n_large]->whole_ns >= least) {
        n_large++;
    }
    qsort(order, n_large, sizeof *order, by_name);
    qsort(order + n_large, n_stars - n_large, sizeof *order, by_name);
    return n_stars;
}

/* Gives listed actors the colours of `stars`, who own one colour each; a listed actor that
 * is no star takes one that nobody listed has. */
static void give_colours(CpCast *cast, CpActor **stars, uint32_t n_stars,
                         const CpTheme *theme)
{
    bool is_used[CP_THEME_COLOURS] = {false};
    g_autofree bool *is_done = g_new0(bool, cast->n_listed + 1);
    for (uint32_t i = 0; i < n_stars; i++) {
        uint32_t slot = stars[i]->slot;
        if (slot < cast->n_listed) {
            stars[i]->colour = cp_theme_colour(theme, i);
            is_used[i] = is_done[slot] = true;
        }
    }
    uint32_t next = 0;
    for (uint32_t slot = 0; slot < cast->n_listed; slot++) {
        while (!is_done[slot] && next < CP_THEME_COLOURS - 1 && is_used[next]) {
            next++;
        }
        if (!is_done[slot]) {
            cast->listed[slot]->colour = cp_theme_colour(theme, next);
            is_used[next] = true;
        }
    }
}

void cp_cast_list(CpCast *cast, uint32_t max, const CpTheme *theme)
{
    uint32_t n = cast->actors->len;
    g_autofree CpActor **order = g_new(CpActor *, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        order[i] = g_ptr_array_index(cast->actors, i);
    }
    qsort(order, n, sizeof *order, by_window);
    uint32_t n_ran = 0;
    while (n_ran < n && order[n_ran]->cpu_ns > 0) {
        n_ran++;
    }
    max = CLAMP(max, 1, CP_THEME_COLOURS);
    cast->n_listed = count_listed(cast, order, n_ran, max);
    cast->n_others = n_ran - cast->n_listed;
    cast->others_ns = 0;
    g_free(cast->listed);
    cast->listed = g_new0(CpActor *, cast->n_listed + 1);
    for (uint32_t i = 0; i < n; i++) {
        order[i]->slot = MIN(i, cast->n_listed);
        if (i < cast->n_listed) {
            cast->listed[i] = order[i];
        } else {
            cast->others_ns += order[i]->cpu_ns;
        }
    }
    uint32_t n_stars = sort_stars(cast, order, n);
    give_colours(cast, order, n_stars, theme);
}

const CpActor *cp_cast_actor(const CpCast *cast, size_t recording, uint32_t tid)
{
    if (tid >= cast->n_ids[recording] || cast->actor_of[recording][tid] == CP_NONE) {
        return NULL;
    }
    return g_ptr_array_index(cast->actors, cast->actor_of[recording][tid]);
}

uint32_t cp_cast_slot(const CpCast *cast, size_t recording, uint32_t tid)
{
    const CpActor *actor = cp_cast_actor(cast, recording, tid);
    return actor != NULL ? actor->slot : cast->n_listed;
}

CpColour cp_cast_colour(const CpCast *cast, uint32_t slot, const CpTheme *theme)
{
    return slot < cast->n_listed ? cast->listed[slot]->colour : theme->others;
}
