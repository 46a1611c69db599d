/* The lists of kernels and policies: what each profile is made of. */
#include "models/kernels.h"
#include "models/registry.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <string.h>

/* New text of a profile's value of a setting. */
static char *value_of(const CpProfile *profile, const char *key)
{
    int row;
    CpParamSet **params = cp_profile_params(profile);
    CpParamSet *set = cp_class_params_find(profile->classes, params, key, &row);
    assert_non_null(set);
    char *text = cp_params_print(set, row);
    cp_class_params_free(profile->classes, params);
    return text;
}

/* A row of profiles.def says only what differs, in the words settings are printed in. */
static void test_differences(void **state)
{
    (void)state; /* no fixture */
    for (const CpProfile *p = cp_profiles(); p->name != NULL; p++) {
        for (const char *const *s = p->settings; s != NULL && *s != NULL; s += 2) {
            g_autofree char *own = value_of(p, s[0]);
            assert_string_equal(own, s[1]);
            if (p->base != NULL) {
                g_autofree char *base = value_of(p->base, s[0]);
                assert_string_not_equal(own, base);
            }
        }
    }
}

/* What a kernel does not say it has from its base, and so on down. */
static void test_inherited(void **state)
{
    (void)state;
    const CpProfile *old = cp_profile_find("eevdf-6.6");
    g_autofree char *limit = value_of(old, "eevdf.lag_limit");   /* of 6.12 */
    g_autofree char *slice = value_of(old, "eevdf.norm_slice");  /* its own */
    g_autofree char *server = value_of(old, "rt.server_period"); /* of all */
    assert_string_equal(limit, "two_slices");
    assert_string_equal(slice, "750us");
    assert_string_equal(server, "1s");
    assert_ptr_equal(old->classes[0], cp_policy_class_find("deadline"));
    assert_ptr_equal(old->classes[1], cp_policy_class_find("rt"));
    assert_true(old->kernel);
}

/* A profile's values are no user's, and two sets of one profile are independent. */
static void test_origin(void **state)
{
    (void)state;
    int row;
    const CpProfile *p = cp_profile_find("eevdf-6.12");
    CpParamSet **params = cp_profile_params(p), **again = cp_profile_params(p);
    CpParamSet *set = cp_class_params_find(p->classes, params, "eevdf.protect", &row);
    assert_int_equal(set->from[row], CP_FROM_PROFILE);
    assert_false(cp_params_given(set, row));
    set->v[row] = 1;
    set = cp_class_params_find(p->classes, again, "eevdf.protect", &row);
    assert_int_equal(set->v[row], 0);
    assert_null(cp_class_params_find(p->classes, again, "rr.quantum", &row));
    cp_class_params_free(p->classes, params);
    cp_class_params_free(p->classes, again);
}

/* Each textbook class is a profile under its own name, and so are its variants. */
static void test_textbook(void **state)
{
    (void)state;
    for (const CpPolicyClass *const *c = cp_policy_classes(); *c != NULL; c++) {
        const CpProfile *p = cp_profile_find((*c)->name);
        if (p == NULL || p->kernel) { /* a part of kernels */
            assert_null((*c)->variants);
            continue;
        }
        assert_ptr_equal(p->classes[0], *c);
        assert_null(p->classes[1]);
        for (const CpPolicyVariant *v = (*c)->variants; v != NULL && v->name; v++) {
            assert_ptr_equal(cp_profile_find(v->name)->classes[0], *c);
        }
    }
    g_autofree char *rule = value_of(cp_profile_find("llf"), "edf.rule");
    assert_string_equal(rule, "llf");
}

/* The default is there, and an alias means the newest of its family. */
static void test_names(void **state)
{
    (void)state;
    assert_non_null(cp_profile_find(CP_PROFILE_DEFAULT));
    assert_string_equal(cp_profile_find("eevdf")->name, "eevdf-6.18");
    assert_null(cp_profile_find("eevdf-5.0"));
}

static void assert_kernel(const char *name, const char *profile, unsigned hz, bool lazy,
                          const char *said)
{
    CpKernelChoice choice = {0};
    assert_true(cp_kernel_choose(name, &choice));
    assert_string_equal(choice.profile->name, profile);
    assert_int_equal(choice.hz, hz);
    assert_int_equal(choice.lazy, lazy);
    assert_non_null(strstr(choice.said, said));
    g_free(choice.said);
}

/* A kernel by the name people have for it: the newest profile not above its version, its
 * maker's ticks, and whether it was measured. */
static void test_kernels_by_name(void **state)
{
    (void)state;
    CpKernelChoice none = {0};
    assert_kernel("debian13", "eevdf-6.12", 250, false, "; measured");
    assert_kernel("ubuntu24.04", "eevdf-6.6", 1000, false, "6.8 itself is not modelled");
    assert_kernel("rocky9", "cfs-6.1", 1000, false, "nor is anything before 5.15");
    assert_kernel("rhel10", "eevdf-6.12", 1000, false, "as Debian builds it");
    assert_kernel("6.18.15+deb13-cloud-amd64", "eevdf-6.18", 250, true, "Debian");
    assert_kernel("6.8.0-45-generic", "eevdf-6.6", 1000, false, "Ubuntu");
    assert_kernel("5.15.0-91-generic", "cfs-6.1", 250, false, "Ubuntu");
    assert_kernel("7.3", "eevdf-7.3", 250, false, "assumed");
    assert_kernel("9.1.2-whatever", "eevdf-7.3", 250, false, "not modelled");
    assert_false(cp_kernel_choose("debian", &none));
    assert_false(cp_kernel_choose("", &none));
    assert_false(cp_kernel_choose("6", &none));
    for (const char *const *name = cp_kernel_names(); *name != NULL; name++) {
        g_autofree char *summary = cp_kernel_summary(*name);
        assert_non_null(strstr(summary, *name));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences), cmocka_unit_test(test_inherited),
        cmocka_unit_test(test_origin),      cmocka_unit_test(test_textbook),
        cmocka_unit_test(test_names),       cmocka_unit_test(test_kernels_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
