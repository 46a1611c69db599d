#include "plots/cast.h"
#include "tests/unit/fixture-recording.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const Fixture base = {.n_cpus = 2,
                             .n_threads = 6,
                             .end = 20 * CP_MS,
                             .slice = 100 * CP_US,
                             .idle_permille = 100,
                             .seed = 1};

static const CpActor *by_name(const CpCast *cast, const char *name)
{
    for (guint i = 0; i < cast->actors->len; i++) {
        const CpActor *actor = g_ptr_array_index(cast->actors, i);
        if (strcmp(actor->name, name) == 0) {
            return actor;
        }
    }
    return NULL;
}

static CpCast *cast_of(const char *path, const Fixture *fixture, CpTime from, CpTime to,
                       uint32_t max)
{
    GError *error = NULL;
    CpCpr *cpr = fixture_open(path, fixture);
    CpCast *cast = cp_cast_new(&cpr, 1, from, to, &error);
    assert_non_null(cast);
    cp_cast_list(cast, max, cp_theme_find("light", NULL));
    cp_cpr_free(cpr);
    return cast;
}

/* Listed by CPU time; the rest becomes "others", whose time is kept. */
static void test_order(void **state)
{
    Fixture fixture = base;
    fixture.n_threads = 40;
    CpCast *cast = cast_of(*state, &fixture, 0, fixture.end, 16);
    CpTime sum = cast->others_ns, all = 0;
    assert_int_equal(cast->n_listed, 15);
    assert_int_equal(cast->n_others, 25);
    for (uint32_t i = 0; i < cast->n_listed; i++) {
        sum += cast->listed[i]->cpu_ns;
        assert_true(i == 0 || cast->listed[i]->cpu_ns <= cast->listed[i - 1]->cpu_ns);
        for (uint32_t k = 0; k < i; k++) {
            assert_int_not_equal(cast->listed[i]->colour, cast->listed[k]->colour);
        }
    }
    for (guint i = 0; i < cast->actors->len; i++) {
        all += ((CpActor *)g_ptr_array_index(cast->actors, i))->cpu_ns;
    }
    assert_int_equal(sum, all);
    cp_cast_free(cast);
}

/* A thread has the same colour whatever the window. */
static void test_stable(void **state)
{
    CpCast *whole = cast_of(*state, &base, 0, base.end, 16);
    CpCast *part = cast_of(*state, &base, 3 * CP_MS, 4 * CP_MS, 16);
    for (uint32_t i = 0; i < part->n_listed; i++) {
        const CpActor *same = by_name(whole, part->listed[i]->name);
        assert_int_equal(part->listed[i]->colour, same->colour);
    }
    assert_int_equal(by_name(whole, "worker-1")->colour, 0x0072b2);
    assert_int_equal(by_name(whole, "worker-2")->colour, 0xe69f00);
    cp_cast_free(whole);
    cp_cast_free(part);
}

/* Equal names are told apart; hostile ones are harmless; empty ones get a number. */
static void test_names(void **state)
{
    static const char *const names[] = {"same",     "same", "",  "a\x1b[31m\u202eb",
                                        "\xff\xfe", "solo", NULL};
    Fixture fixture = base;
    fixture.names = names;
    CpCast *cast = cast_of(*state, &fixture, 0, fixture.end, 16);
    assert_non_null(by_name(cast, "same (4000)"));
    assert_non_null(by_name(cast, "same (4001)"));
    assert_non_null(by_name(cast, "thread 4002"));
    assert_non_null(by_name(cast, "solo"));
    assert_int_equal(cast->actors->len, 6);
    for (guint i = 0; i < cast->actors->len; i++) {
        const CpActor *actor = g_ptr_array_index(cast->actors, i);
        assert_true(g_utf8_validate(actor->name, -1, NULL));
        assert_null(strchr(actor->name, 0x1b));
        assert_null(strstr(actor->name, "\u202e"));
    }
    cp_cast_free(cast);
}

/* Recordings of one program share actors by name, also those of a repeated name. */
static void test_two(void **state)
{
    static const char *const names[] = {"same", "same", "main", NULL};
    Fixture fixture = base;
    fixture.names = names;
    fixture.n_threads = 3;
    g_autofree char *other = g_strconcat(*state, "2", NULL);
    CpCpr *both[2] = {fixture_open(*state, &fixture), NULL};
    fixture.seed = 2;
    both[1] = fixture_open(other, &fixture);
    GError *error = NULL;
    CpCast *cast = cp_cast_new(both, 2, 0, fixture.end, &error);
    cp_cast_list(cast, 16, cp_theme_find(NULL, NULL));
    assert_int_equal(cast->actors->len, 3);
    for (uint32_t tid = 0; tid < 3; tid++) {
        assert_ptr_equal(cp_cast_actor(cast, 0, tid), cp_cast_actor(cast, 1, tid));
    }
    assert_null(cp_cast_actor(cast, 0, 99));
    assert_int_equal(cp_cast_slot(cast, 0, 99), cast->n_listed);
    cp_cast_free(cast);
    cp_cpr_free(both[0]);
    cp_cpr_free(both[1]);
    unlink(other);
}

static void test_compare(void **state)
{
    (void)state;
    static const char *const order[] = {"", "a", "a1", "a02", "a10", "a10b", "ab", "b"};
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(order); k++) {
            int sign = cp_name_compare(order[i], order[k]);
            assert_int_equal((sign > 0) - (sign < 0), (i > k) - (i < k));
        }
    }
}

/* Colours that carry text carry it readably; both themes, all colours. */
static void test_contrast(void **state)
{
    (void)state;
    static const char *const names[] = {"light", "dark"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const CpTheme *theme = cp_theme_find(names[i], NULL);
        assert_true(cp_colour_contrast(theme->text, theme->background) >= 7);
        assert_true(cp_colour_contrast(theme->muted, theme->background) >= 4.5);
        for (unsigned k = 0; k < CP_THEME_COLOURS; k++) {
            CpColour colour = cp_theme_colour(theme, k);
            assert_true(cp_colour_contrast(cp_theme_ink(colour), colour) >= 4.5);
        }
    }
    g_autoptr(GError) error = NULL;
    assert_null(cp_theme_find("blue", &error));
    assert_non_null(error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),   cmocka_unit_test(test_stable),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_two),
        cmocka_unit_test(test_compare), cmocka_unit_test(test_contrast),
    };
    return cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
}
