#include "models/policy-file.h"

#include "models/conform.h"
#include "models/registry.h"
#include "sim/error.h"

#include <errno.h>
#include <gmodule.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Whether a C file of the user is a policy: compiled, loaded, looked over and tested. */

/* The compiler reads this text, so that messages name the user's own file.  The size guards
 * against headers of another version. */
static const char wrapper[] =
    "#include \"%s\"\n"
    "extern const size_t cp_policy_layout;\n"
    "const size_t cp_policy_layout = sizeof(CpPolicyClass) * 65536 "
    "+ sizeof(CpPolicy) * 256 + sizeof(CpRq);\n";

static const size_t own_layout =
    sizeof(CpPolicyClass) * 65536 + sizeof(CpPolicy) * 256 + sizeof(CpRq);

/* --- finding what is needed --- */

static bool has_headers(const char *dir)
{
    g_autofree char *header = g_build_filename(dir, "sim", "policy.h", NULL);
    return g_file_test(header, G_FILE_TEST_IS_REGULAR);
}

/* The nearest directory at or above `from` that holds the headers, or NULL. */
static char *headers_above(const char *from)
{
    g_autofree char *dir = g_strdup(from);
    for (int i = 0; dir != NULL && i < 5; i++) {
        if (has_headers(dir)) {
            return g_steal_pointer(&dir);
        }
        char *up = g_path_get_dirname(dir);
        g_free(dir);
        dir = up;
    }
    return NULL;
}

static char *find_headers(GError **error)
{
    const char *given = g_getenv("COREPLAY_INCLUDE");
    if (given != NULL && has_headers(given)) {
        return g_strdup(given);
    }
    if (has_headers(CP_PKGINCLUDEDIR)) {
        return g_strdup(CP_PKGINCLUDEDIR);
    }
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *beside = program == NULL ? NULL : g_path_get_dirname(program);
    char *found = beside == NULL ? NULL : headers_above(beside);
    if (found == NULL) {
        g_autofree char *here = g_get_current_dir();
        found = headers_above(here);
    }
    if (found == NULL) {
        g_set_error(
            error, CP_ERROR, CP_ERROR_USAGE,
            "the headers of coreplay (sim/policy.h ...) are neither in %s nor beside "
            "the program; set COREPLAY_INCLUDE to the directory that holds them",
            CP_PKGINCLUDEDIR);
    }
    return found;
}

static char *find_compiler(GError **error)
{
    const char *cc = g_getenv("CC");
    g_autofree char *wanted = g_strdup(cc != NULL && *cc != '\0' ? cc : "cc");
    g_strdelimit(wanted, " \t", '\0'); /* options in $CC are not ours to take */
    char *found = g_find_program_in_path(wanted);
    if (found == NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_USAGE,
                    "the C compiler '%s' was not found; install gcc or clang, or set CC to "
                    "one",
                    wanted);
    }
    return found;
}

/* --- compiling --- */

static char *absolute(const char *path)
{
    g_autofree char *here = g_get_current_dir();
    return g_path_is_absolute(path) ? g_strdup(path) : g_build_filename(here, path, NULL);
}

static gboolean write_wrapper(const char *to, const char *path, GError **error)
{
    g_autofree char *full = absolute(path);
    if (strpbrk(full, "\"\\\n") != NULL) {
        g_set_error(
            error, CP_ERROR, CP_ERROR_INPUT,
            "%s: a quote, a backslash or a line end in the path of a policy cannot be "
            "given to the compiler; rename it",
            path);
        return FALSE;
    }
    g_autofree char *text = g_strdup_printf(wrapper, full);
    return g_file_set_contents(to, text, -1, error);
}

static GPtrArray *command(const char *cc, const char *headers, const char *from,
                          const char *to)
{
    static const char *const fixed[] = {"-std=gnu11", "-O2",     "-g",
                                        "-fPIC",      "-shared", "-Wall"};
    GPtrArray *argv = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(argv, g_strdup(cc));
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++) {
        g_ptr_array_add(argv, g_strdup(fixed[i]));
    }
    g_auto(GStrv) glib = g_strsplit(CP_GLIB_CFLAGS, " ", -1);
    for (char **flag = glib; *flag != NULL; flag++) {
        if (**flag != '\0') {
            g_ptr_array_add(argv, g_strdup(*flag));
        }
    }
    g_ptr_array_add(argv, g_strconcat("-I", headers, NULL));
    g_ptr_array_add(argv, g_strdup("-o"));
    g_ptr_array_add(argv, g_strdup(to));
    g_ptr_array_add(argv, g_strdup(from));
    g_ptr_array_add(argv, NULL);
    return argv;
}

static gboolean compile(const char *path, const char *from, const char *to, GError **error)
{
    g_autofree char *cc = find_compiler(error);
    g_autofree char *headers = cc == NULL ? NULL : find_headers(error);
    if (headers == NULL || !write_wrapper(from, path, error)) {
        return FALSE;
    }
    g_autoptr(GPtrArray) argv = command(cc, headers, from, to);
    g_autofree char *said = NULL;
    int status = 0;
    if (!g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_STDOUT_TO_DEV_NULL, NULL,
                      NULL, NULL, &said, &status, error)) {
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    if (!g_spawn_check_wait_status(status, NULL)) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: the compiler refused it:\n%s",
                    path, g_strchomp(said));
        return FALSE;
    }
    return TRUE;
}

/* --- looking the class over --- */

static gboolean refuse(const char *path, GError **error, const char *what)
{
    g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: %s", path, what);
    return FALSE;
}

static bool is_name(const char *name)
{
    if (name == NULL || !g_ascii_islower(name[0]) || strlen(name) > 32) {
        return false;
    }
    return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == strlen(name);
}

/* Would the default of a setting parse?  The table of a built-in class is trusted, a user's
 * is not. */
static gboolean check_default(const CpParam *p, GError **error)
{
    CpParam alone[2] = {*p, {.name = NULL}};
    static const char *const neutral[] = {"0", "0ns", "off", "0%", NULL, "1ns", "0"};
    g_autofree char *first = NULL;
    if (p->def == NULL || p->help == NULL || (unsigned)p->type >= G_N_ELEMENTS(neutral) ||
        (p->type == CP_PARAM_ENUM && p->choices == NULL)) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "setting %s lacks a default, a help text, a type or its choices",
                    p->name);
        return FALSE;
    }
    alone[0].min = alone[0].max = 0;
    if (p->type == CP_PARAM_ENUM) {
        g_auto(GStrv) words = g_strsplit(p->choices, "|", 2);
        first = g_strdup(words[0]);
    }
    alone[0].def = first != NULL ? first : neutral[p->type];
    CpParamSet *set = cp_params_new(alone);
    alone[0].min = p->min;
    alone[0].max = p->max;
    gboolean ok = cp_params_set(set, 0, p->def, CP_FROM_BUILT_IN, error);
    cp_params_free(set);
    if (!ok) {
        g_prefix_error(error, "default of setting %s: ", p->name);
    }
    return ok;
}

static gboolean check_settings(const CpPolicyClass *cls, GError **error)
{
    g_autofree char *prefix = g_strconcat(cls->name, ".", NULL);
    for (const CpParam *p = cls->params; p != NULL && p->name != NULL; p++) {
        if (!g_str_has_prefix(p->name, prefix)) {
            g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                        "setting %s should begin with the policy's name: %s...", p->name,
                        prefix);
            return FALSE;
        }
        if (!check_default(p, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* Names begin with the policy's, so that they are no others'. */
static gboolean check_metrics(const CpPolicyClass *cls, GError **error)
{
    g_autofree char *prefix = g_strconcat(cls->name, ".", NULL);
    for (const CpMetric *m = cls->metrics; m != NULL && m->name != NULL; m++) {
        if (!g_str_has_prefix(m->name, prefix)) {
            g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                        "metric %s should begin with the policy's name: %s...", m->name,
                        prefix);
            return FALSE;
        }
        if (m->get == NULL || m->help == NULL || (unsigned)m->scope >= CP_SCOPES) {
            g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                        "metric %s lacks a getter, a help text or a scope", m->name);
            return FALSE;
        }
    }
    return TRUE;
}

/* Other names of the class: free ones, with settings it has. */
static gboolean check_variant(const CpPolicyClass *cls, const CpPolicyVariant *v,
                              GError **error)
{
    if (!is_name(v->name) || v->summary == NULL || cp_profile_find(v->name) != NULL ||
        strcmp(v->name, cls->name) == 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "variant %s needs a name nothing else has, and a summary", v->name);
        return FALSE;
    }
    gboolean ok = TRUE;
    CpParamSet *set = cls->params != NULL ? cp_params_new(cls->params) : NULL;
    for (const char *const *s = v->settings; ok && s != NULL && *s != NULL; s += 2) {
        int row = set != NULL ? cp_params_find(set->spec, s[0]) : -1;
        ok = row >= 0 && s[1] != NULL && cp_params_set(set, row, s[1], CP_FROM_SET, NULL);
        if (!ok) {
            g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                        "variant %s: setting %s does not exist or cannot be %s", v->name,
                        s[0], s[1]);
        }
    }
    cp_params_free(set);
    return ok;
}

static gboolean check_variants(const CpPolicyClass *cls, GError **error)
{
    for (const CpPolicyVariant *v = cls->variants; v != NULL && v->name != NULL; v++) {
        if (!check_variant(cls, v, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

static gboolean check_class(const CpPolicyClass *cls, const char *path, GError **error)
{
    if (!is_name(cls->name)) {
        return refuse(
            path, error,
            "cp_policy.name should be lower-case letters, digits, - and _, at most "
            "32, a letter first");
    }
    if (cp_policy_class_find(cls->name) != NULL || cp_profile_find(cls->name) != NULL) {
        g_set_error(
            error, CP_ERROR, CP_ERROR_INPUT,
            "%s: there is a policy called %s already; give cp_policy.name another one",
            path, cls->name);
        return FALSE;
    }
    if (cls->summary == NULL) {
        return refuse(path, error, "cp_policy.summary should say in a line what it does");
    }
    if (cls->enqueue == NULL || cls->dequeue == NULL || cls->pick == NULL) {
        return refuse(path, error,
                      "cp_policy needs the hooks enqueue, dequeue and pick at least");
    }
    if (cls->ent_size > 4096 || cls->rq_size > 1 << 20 || cls->sim_size > 1 << 20) {
        return refuse(
            path, error,
            "cp_policy asks for too much memory: at most 4 KiB an entity (ent_size), "
            "1 MiB a queue (rq_size) and a run (sim_size)");
    }
    if (!check_settings(cls, error) || !check_metrics(cls, error) ||
        !check_variants(cls, error)) {
        g_prefix_error(error, "%s: ", path);
        return FALSE;
    }
    return TRUE;
}

static const CpPolicyClass *open_object(const char *object, const char *path,
                                        GError **error)
{
    GModule *module = g_module_open(object, G_MODULE_BIND_LOCAL);
    void *cls = NULL, *layout = NULL;
    if (module == NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: cannot be loaded: %s", path,
                    g_module_error());
        return NULL;
    }
    if (!g_module_symbol(module, "cp_policy", &cls) || cls == NULL) {
        refuse(path, error, "it does not export 'const CpPolicyClass cp_policy'");
    } else if (!g_module_symbol(module, "cp_policy_layout", &layout) ||
               *(const size_t *)layout != own_layout) {
        refuse(path, error,
               "the headers it was compiled with are of another version of coreplay; set "
               "COREPLAY_INCLUDE to this version's");
    } else if (check_class(cls, path, error)) {
        g_module_make_resident(module);
        return cls;
    }
    g_module_close(module);
    return NULL;
}

const CpPolicyClass *cp_policy_file_load(const char *path, GError **error)
{
    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: %s", path,
                    g_file_test(path, G_FILE_TEST_EXISTS) ? "is not a file"
                                                          : "no such file");
        return NULL;
    }
    g_autofree char *dir = g_dir_make_tmp("coreplay-policy-XXXXXX", error);
    if (dir == NULL) {
        return NULL;
    }
    g_autofree char *source = g_build_filename(dir, "policy.c", NULL);
    g_autofree char *object = g_build_filename(dir, "policy.so", NULL);
    const CpPolicyClass *cls = NULL;
    if (compile(path, source, object, error)) {
        cls = open_object(object, path, error);
    }
    (void)unlink(source); /* may not have been written */
    (void)unlink(object);
    (void)rmdir(dir); /* what is left is the system's to clean */
    return cls;
}

/* --- conformance --- */

static gboolean check_all(const CpPolicyClass *cls, unsigned n, GError **error)
{
    const CpPolicyClass *const classes[] = {cls, NULL};
    CpParamSet *set = cls->params == NULL ? NULL : cp_params_new(cls->params);
    const CpParamSet *const sets[] = {set};
    CpConformSubject subject = {classes, sets, false};
    gboolean ok = TRUE;
    for (unsigned seed = 0; seed < n && ok; seed++) {
        ok = cp_conform_check(&subject, seed, error);
    }
    if (set != NULL) {
        cp_params_free(set);
    }
    return ok;
}

/* What the child does: says what is wrong, or nothing. */
static G_NORETURN void child(const CpPolicyClass *cls, unsigned n, int to)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
    GError *error = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(fatal); i++) {
        signal(fatal[i], SIG_DFL); /* whatever the program makes of them */
    }
    alarm(60); /* a hook that never returns */
    gboolean ok = check_all(cls, n, &error);
    if (!ok && write(to, error->message, strlen(error->message)) < 0) {
        _exit(2);
    }
    _exit(ok ? 0 : 1);
}

static void explain(const CpPolicyClass *cls, int status, const char *said, GError **error)
{
    if (WIFSIGNALED(status)) {
        int sig = WTERMSIG(status);
        g_set_error(error, CP_ERROR, CP_ERROR_MODEL,
                    "policy %s fails the conformance test: %s (%s)", cls->name,
                    sig == SIGALRM ? "it does not come to an end" : "it crashes",
                    g_strsignal(sig));
    } else if (*said == '\0') { /* a sanitizer has stopped it and printed why */
        g_set_error(error, CP_ERROR, CP_ERROR_MODEL,
                    "policy %s fails the conformance test: it crashes", cls->name);
    } else {
        g_set_error(error, CP_ERROR, CP_ERROR_MODEL,
                    "policy %s fails the conformance test: %s", cls->name, said);
    }
}

gboolean cp_policy_file_check(const CpPolicyClass *cls, unsigned n, GError **error)
{
    int ends[2];
    if (pipe(ends) != 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT, "no pipe: %s", g_strerror(errno));
        return FALSE;
    }
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        child(cls, n, ends[1]);
    }
    close(ends[1]);
    char said[1024];
    size_t len = 0;
    for (ssize_t got = 1; pid > 0 && got > 0 && len < sizeof said - 1; len += (size_t)got) {
        got = read(ends[0], said + len, sizeof said - 1 - len);
        got = got < 0 ? 0 : got;
    }
    close(ends[0]);
    said[len] = '\0';
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) < 0) {
        g_set_error(error, CP_ERROR, CP_ERROR_OUTPUT, "no child process: %s",
                    g_strerror(errno));
        return FALSE;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        explain(cls, status, said, error);
        return FALSE;
    }
    return TRUE;
}

/* --- the template --- */

static const char template_text[] =
#include "models/policy-template.inc"
    ;

char *cp_policy_file_template(const char *name, GError **error)
{
    if (!is_name(name)) {
        g_set_error(
            error, CP_ERROR, CP_ERROR_USAGE,
            "'%s' cannot be a policy's name: lower-case letters, digits, - and _, at "
            "most 32, a letter first",
            name);
        return NULL;
    }
    g_auto(GStrv) parts = g_strsplit(template_text, "@NAME@", -1);
    return g_strjoinv(name, parts);
}
