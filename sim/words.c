#include "sim/words.h"

#include "sim/assert.h"

/* Which word somebody may have meant. */

enum { WORD_MAX = 63 };

/* Number of insertions, deletions, replacements and swaps of neighbours that turn a into b,
 * without regard to case.  Both are at most WORD_MAX long. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    cp_assert(n <= WORD_MAX && m <= WORD_MAX);
    size_t rows[3][WORD_MAX + 1] = {{0}};
    for (size_t j = 0; j <= m; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= n; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i + 2) % 3], *before2 = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            char x = g_ascii_tolower(a[i - 1]), y = g_ascii_tolower(b[j - 1]);
            now[j] = MIN(before[j - 1] + (x != y), MIN(before[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && x == g_ascii_tolower(b[j - 2]) &&
                y == g_ascii_tolower(a[i - 2])) {
                now[j] = MIN(now[j], before2[j - 2] + 1);
            }
        }
    }
    return rows[n % 3][m];
}

/* How many letters may differ, by the shorter word.  Of two letters none may be another, as
 * most pairs of letters are near each other, but one may be missing or too many. */
static size_t likeness(size_t n, size_t m)
{
    size_t length = MIN(n, m);
    if (length < 3) {
        return length == 2 && n != m ? 1 : 0;
    }
    return length == 3 ? 1 : MAX(2, length / 3);
}

const char *cp_nearest(const char *word, const char *const *candidates)
{
    size_t n = strlen(word);
    if (n > WORD_MAX) {
        return NULL;
    }
    size_t best = SIZE_MAX;
    const char *nearest = NULL;
    for (; *candidates != NULL; candidates++) {
        size_t m = strlen(*candidates);
        size_t distance = m <= WORD_MAX ? edit_distance(word, *candidates) : SIZE_MAX;
        if (distance <= likeness(n, m) && distance < best) {
            best = distance;
            nearest = *candidates;
        }
    }
    return nearest;
}
