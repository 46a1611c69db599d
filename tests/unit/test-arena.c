/* Memory: zeroed, aligned, where it was; and zero again after a reset. */
#include "sim/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool is_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

/* Pieces of every size are zeroed, aligned and do not overlap, before and after a reset. */
static void test_arena_zeroed(void **state)
{
    (void)state; /* no fixture */
    static const size_t sizes[] = {1, 16, 17, 1000, 65536, 100000, 5000000, 3, 0, 70000};
    CpArena *arena = cp_arena_new();
    for (int round = 0; round < 3; round++) {
        char *piece[G_N_ELEMENTS(sizes)];
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
            piece[i] = cp_arena_alloc(arena, sizes[i]);
            assert_int_equal((uintptr_t)piece[i] % 16, 0);
            assert_true(is_zero(piece[i], sizes[i]));
            memset(piece[i], (int)i + 1, sizes[i]);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
            for (size_t k = 0; k < sizes[i]; k++) {
                assert_int_equal(piece[i][k], i + 1);
            }
        }
        cp_arena_reset(arena);
    }
    cp_arena_free(arena);
}

/* A reset arena hands out the same memory again instead of growing. */
static void test_arena_reuse(void **state)
{
    (void)state;
    CpArena *arena = cp_arena_new();
    void *first = cp_arena_alloc(arena, 100);
    void *big = cp_arena_alloc(arena, 200000);
    cp_arena_reset(arena);
    assert_ptr_equal(cp_arena_alloc(arena, 100), first);
    assert_ptr_equal(cp_arena_alloc(arena, 200000), big);
    cp_arena_free(arena);
    cp_arena_free(NULL);
}

/* Rows never move, come zeroed, and the table says when it is full. */
static void test_table(void **state)
{
    (void)state;
    enum { ROWS = 100000 };
    CpTable table;
    assert_true(cp_table_init(&table, 48, ROWS, NULL));
    const void *rows = table.rows;
    for (int round = 0; round < 2; round++) {
        /* A few rows are zeroed by hand, many by giving pages back. */
        uint32_t n = round == 0 ? ROWS : 10;
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(cp_table_add(&table), i);
            char *row = (char *)table.rows + (size_t)i * 48;
            assert_true(is_zero(row, 48));
            memset(row, 0xff, 48);
        }
        assert_ptr_equal(table.rows, rows);
        assert_int_equal(cp_table_add(&table), n == ROWS ? CP_NONE : n);
        cp_table_reset(&table);
        assert_int_equal(table.n, 0);
    }
    assert_true(is_zero(table.rows, (size_t)48 * ROWS));
    cp_table_clear(&table);
    cp_table_clear(&table);
}

/* Address space for the largest run is reserved without using memory. */
static void test_table_large(void **state)
{
    (void)state;
    CpTable table;
    assert_true(cp_table_init(&table, 128, CP_THREADS_MAX, NULL));
    assert_int_equal(cp_table_add(&table), 0);
    cp_table_clear(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_zeroed),
        cmocka_unit_test(test_arena_reuse),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_table_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
