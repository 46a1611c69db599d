#include "models/policy-file.h"
#include "sim/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A small policy with holes: extra fields, then the body of a hook. */
static const char frame[] =
    "#include \"sim/policy-queue.h\"\n"
    "static void rq_init(CpRq *rq) { cp_fifo_init(rq->data); }\n"
    "static void enqueue(CpRq *rq, CpEnt e, CpEnqFlags f)\n"
    "{ (void)f; cp_fifo_append(rq, rq->data, e); }\n"
    "static bool dequeue(CpRq *rq, CpEnt e, CpDeqFlags f)\n"
    "{ (void)f; cp_fifo_remove(rq, rq->data, e); return true; }\n"
    "static CpEnt pick(CpRq *rq)\n"
    "{ %s return cp_fifo_first(rq, rq->data); }\n"
    "static void set_next(CpRq *rq, CpEnt e) { cp_fifo_remove(rq, rq->data, e); }\n"
    "static void put_prev(CpRq *rq, CpEnt e) { cp_fifo_append(rq, rq->data, e); }\n"
    "static const CpParam params[] = {{.name = \"%s\", .type = CP_PARAM_TIME, .def = "
    "\"%s\",\n"
    "  .min = 1, .max = 10, .help = \"for the test\"}, {.name = NULL}};\n"
    "const CpPolicyClass %s = {.name = \"%s\", .summary = \"a test\", .params = params,\n"
    "  .rq_size = sizeof(CpFifo), .ent_size = sizeof(CpNode), .global = true,\n"
    "  .conserving = true, .rq_init = rq_init, .enqueue = enqueue, .dequeue = dequeue,\n"
    "  .pick = pick, .set_next = set_next, .put_prev = put_prev};\n";

typedef struct {
    const char *pick, *setting, *def, *symbol, *name;
} Holes;

static char *write_file(const char *text)
{
    char *path = NULL;
    int fd = g_file_open_tmp("policy-XXXXXX.c", &path, NULL);
    assert_true(fd >= 0);
    close(fd);
    assert_true(g_file_set_contents(path, text, -1, NULL));
    return path;
}

static const CpPolicyClass *load_text(const char *text, GError **error)
{
    g_autofree char *path = write_file(text);
    const CpPolicyClass *cls = cp_policy_file_load(path, error);
    unlink(path);
    return cls;
}

static const CpPolicyClass *load(Holes h, GError **error)
{
    g_autofree char *text = g_strdup_printf(
        frame, h.pick ? h.pick : "", h.setting ? h.setting : "x.q", h.def ? h.def : "5ns",
        h.symbol ? h.symbol : "cp_policy", h.name ? h.name : "x");
    return load_text(text, error);
}

static void assert_refused(const CpPolicyClass *cls, GError **error, int code,
                           const char *words)
{
    assert_null(cls);
    assert_non_null(*error);
    if (strstr((*error)->message, words) == NULL) {
        fail_msg("'%s' is not in: %s", words, (*error)->message);
    }
    assert_int_equal((*error)->code, code);
    g_clear_error(error);
}

/* The template is a complete policy that compiles and keeps every law. */
static void test_template(void **state)
{
    (void)state;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = cp_policy_file_template("from-template", &error);
    assert_non_null(text);
    const CpPolicyClass *cls = load_text(text, &error);
    if (cls == NULL) {
        fail_msg("%s", error->message);
    }
    assert_string_equal(cls->name, "from-template");
    if (!cp_policy_file_check(cls, 12, &error)) {
        fail_msg("%s", error->message);
    }
    assert_null(cp_policy_file_template("No Name", &error));
    assert_non_null(error);
}

/* The policy shown in docs/adding-a-policy.md is complete, compiles and keeps every law. */
static void test_document(void **state)
{
    (void)state;
    g_autofree char *doc = NULL;
    g_autofree char *path =
        g_build_filename(getenv("top_srcdir"), "docs", "adding-a-policy.md", NULL);
    g_autoptr(GError) error = NULL;
    assert_true(g_file_get_contents(path, &doc, NULL, NULL));
    char *begin = strstr(doc, "```c\n");
    assert_non_null(begin);
    begin += strlen("```c\n");
    char *end = strstr(begin, "```");
    assert_non_null(end);
    *end = '\0';
    const CpPolicyClass *cls = load_text(begin, &error);
    if (cls == NULL || !cp_policy_file_check(cls, 12, &error)) {
        fail_msg("%s", error->message);
    }
}

/* What keeps a file from being loaded is said. */
static void test_refused(void **state)
{
    (void)state;
    GError *error = NULL;
    assert_refused(cp_policy_file_load("/nowhere/x.c", &error), &error, CP_ERROR_INPUT,
                   "no such file");
    assert_refused(cp_policy_file_load("/", &error), &error, CP_ERROR_INPUT, "not a file");
    assert_refused(load((Holes){.pick = "int x = ;"}, &error), &error, CP_ERROR_INPUT,
                   "error: expected expression");
    assert_refused(load((Holes){.symbol = "cp_other"}, &error), &error, CP_ERROR_INPUT,
                   "does not export");
    assert_refused(load((Holes){.name = "Bad Name"}, &error), &error, CP_ERROR_INPUT,
                   "lower-case");
    assert_refused(load((Holes){.name = "fcfs"}, &error), &error, CP_ERROR_INPUT,
                   "already");
    assert_refused(load((Holes){.setting = "y.q"}, &error), &error, CP_ERROR_INPUT,
                   "begin with the policy's name");
    assert_refused(load((Holes){.def = "5"}, &error), &error, CP_ERROR_USAGE,
                   "default of setting x.q");
    assert_refused(load((Holes){.def = "50ns"}, &error), &error, CP_ERROR_USAGE,
                   "default of setting x.q");
    assert_refused(load_text("#include \"sim/policy.h\"\n"
                             "const CpPolicyClass cp_policy = {.name = \"empty\",\n"
                             ".summary = \"x\"};\n",
                             &error),
                   &error, CP_ERROR_INPUT, "enqueue, dequeue and pick");
    assert_refused(load_text("", &error), &error, CP_ERROR_INPUT, "compiler refused");
}

/* Without a compiler or headers the message says what to install or set. */
static void test_surroundings(void **state)
{
    (void)state;
    GError *error = NULL;
    g_autofree char *cc = g_strdup(getenv("CC"));
    setenv("CC", "no-such-compiler", 1);
    assert_refused(load((Holes){NULL}, &error), &error, CP_ERROR_USAGE, "no-such-compiler");
    if (cc != NULL) {
        setenv("CC", cc, 1);
    } else {
        unsetenv("CC");
    }
}

/* A build that asserts may see the broken law first, and then it aborts. */
#if defined(CP_AUDIT) || defined(CP_DEBUG)
static const char also[] = "crashes (Aborted)";
#else
static const char also[] = "?";
#endif

static void assert_broken(Holes h, const char *words)
{
    GError *error = NULL;
    const CpPolicyClass *cls = load(h, &error);
    if (cls == NULL) {
        fail_msg("%s", error->message);
    }
    assert_false(cp_policy_file_check(cls, 12, &error));
    if (strstr(error->message, words) == NULL && strstr(error->message, also) == NULL) {
        fail_msg("'%s' is not in: %s", words, error->message);
    }
    assert_int_equal(error->code, CP_ERROR_MODEL);
    g_error_free(error);
}

/* A policy that breaks a law is refused with the law; one that crashes does not take the
 * program with it. */
static void test_laws(void **state)
{
    (void)state;
    assert_broken((Holes){.name = "x", .pick = "return CP_NONE;"}, "lost");
    assert_broken(
        (Holes){.name = "x",
                .pick = "if (rq->cpu == 1 && cp_now(rq->sim) < CP_MS) return CP_NONE;"},
        "idles");
    assert_broken((Holes){.name = "x", .pick = "return ((CpFifo *)rq->data)->head;"},
                  "outside its mask");
    assert_broken((Holes){.name = "x", .pick = "*(volatile int *)8 = 0;"}, "crashes");
    assert_broken((Holes){.name = "x",
                          .pick = "static int n; if (++n % 7 == 0 && rq->curr != CP_NONE) "
                                  "return CP_NONE;"},
                  "random workload");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template), cmocka_unit_test(test_document),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_surroundings),
        cmocka_unit_test(test_laws),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
