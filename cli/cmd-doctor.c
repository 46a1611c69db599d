#include "cli/commands.h"

#include "cli/columns.h"
#include "cli/options.h"
#include "plots/canvas.h"
#include "scenario/result-json.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Which parts of the surroundings work, and how to mend the others. */

static const CpOption options[] = {
    {NULL, 0, CP_OPT_FLAG, NULL, NULL, NULL, NULL, NULL},
};

/* One thing looked at. */
typedef struct {
    const char *what;
    bool ok;
    char *found;  /* owned */
    char *remedy; /* owned; what to do about it, NULL if ok */
} Finding;

typedef struct {
    GArray *findings;
} Doctor;

static void add(Doctor *d, const char *what, bool ok, char *found, const char *remedy)
{
    Finding f = {what, ok, found, ok ? NULL : g_strdup(remedy)};
    g_array_append_val(d->findings, f);
}

static void finding_clear(void *data)
{
    Finding *f = data;
    g_free(f->found);
    g_free(f->remedy);
}

static char *first_line(char *text)
{
    if (text == NULL) {
        return g_strdup("");
    }
    text[strcspn(text, "\n")] = '\0';
    return g_strstrip(text);
}

/* First line of what a program prints, or NULL if it cannot be run. */
static char *ask(const char *program, const char *argument)
{
    const char *argv[] = {program, argument, NULL};
    char *out = NULL;
    int status = 0;
    GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL;
    if (!g_spawn_sync(NULL, (char **)argv, NULL, flags, NULL, NULL, &out, NULL, &status,
                      NULL)) {
        return NULL;
    }
    if (!g_spawn_check_wait_status(status, NULL)) {
        g_free(out);
        return NULL;
    }
    return first_line(out);
}

static void look_at_build(Doctor *d)
{
    struct utsname host;
    bool known = uname(&host) == 0;
    add(d, "coreplay", true,
        g_strdup_printf("%s, GLib %u.%u.%u", PACKAGE_VERSION, glib_major_version,
                        glib_minor_version, glib_micro_version),
        NULL);
    add(d, "system", true,
        g_strdup_printf("%s %s, %u processors", known ? host.sysname : "unknown",
                        known ? host.release : "", g_get_num_processors()),
        NULL);
}

static void look_at_terminal(Doctor *d, const CpCli *cli)
{
    add(d, "terminal", true,
        g_strdup_printf("colours %s, progress line %s", cli->colour ? "on" : "off",
                        cli->progress ? "on" : "off"),
        NULL);
}

static void look_at_examples(Doctor *d)
{
    g_autofree char *path = cp_data_path("examples");
    add(d, "examples", path != NULL, g_strdup(path ? path : "not found"),
        "make install, or set COREPLAY_DATA to the directory that holds examples/");
}

static void look_at_config(Doctor *d, const CpCli *cli)
{
    const char *path = cp_options_config(cli);
    add(d, "config", true, g_strdup(path ? path : "no coreplay.conf: built-in defaults"),
        NULL);
}

/* Opens a canvas of each format: whether the driver is there is known only then. */
static void look_at_charts(Doctor *d)
{
    static const struct {
        CpFormat format;
        const char *name;
    } formats[] = {{CP_FORMAT_SVG, "svg charts"},
                   {CP_FORMAT_PNG, "png charts"},
                   {CP_FORMAT_PDF, "pdf charts"}};
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        CpCanvasOptions wanted = {
            .format = formats[i].format, .scale = 1, .title = "", .detail = ""};
        g_autoptr(GError) error = NULL;
        CpCanvas *canvas = cp_canvas_new(&wanted, &error);
        add(d, formats[i].name, canvas != NULL,
            g_strdup(canvas != NULL ? "PLplot's cairo driver is found" : error->message),
            "apt install plplot-driver-cairo (Debian), or build with PLplot");
        if (canvas != NULL) {
            cp_canvas_free(canvas);
        }
    }
}

static void look_at_fonts(Doctor *d)
{
    static const char *const argv[] = {"fc-match", "sans", NULL};
    char *out = NULL;
    GSpawnFlags flags = G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL;
    bool known = g_spawn_sync(NULL, (char **)argv, NULL, flags, NULL, NULL, &out, NULL,
                              NULL, NULL) &&
                 out != NULL && *out != '\0';
    add(d, "fonts", known, known ? first_line(out) : g_strdup("fc-match finds no font"),
        "apt install fontconfig fonts-dejavu-core");
    if (!known) {
        g_free(out);
    }
}

static void look_at_compiler(Doctor *d)
{
    const char *cc = g_getenv("CC");
    char *version = ask(cc != NULL && *cc != '\0' ? cc : "cc", "--version");
    add(d, "compiler", version != NULL, version ? version : g_strdup("no C compiler"),
        "run --policy-file needs one: apt install gcc");
}

static void look_at_perf(Doctor *d)
{
    char *version = ask("perf", "--version");
    add(d, "perf", version != NULL,
        version ? version : g_strdup("perf is not installed, or not for this kernel"),
        "to record programs: apt install linux-perf (Debian), perf (Fedora, Arch)");
    g_autofree char *text = NULL;
    if (!g_file_get_contents("/proc/sys/kernel/perf_event_paranoid", &text, NULL, NULL)) {
        add(d, "perf events", false, g_strdup("the kernel has no perf events"),
            "record on another machine and import the file here");
        return;
    }
    int64_t level = g_ascii_strtoll(text, NULL, 10);
    bool ok = geteuid() == 0 || level < 0;
    add(d, "perf events", ok,
        g_strdup_printf("perf_event_paranoid is %" G_GINT64_FORMAT "%s", level,
                        geteuid() == 0 ? ", running as root" : ""),
        "sudo sysctl kernel.perf_event_paranoid=-1, or record as root");
}

static void look_at_tracefs(Doctor *d)
{
    static const char *const roots[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};
    for (size_t i = 0; i < G_N_ELEMENTS(roots); i++) {
        g_autofree char *event =
            g_build_filename(roots[i], "events", "sched", "sched_switch", "format", NULL);
        if (access(event, R_OK) == 0) {
            add(d, "tracefs", true, g_strdup_printf("%s is readable", roots[i]), NULL);
            return;
        }
    }
    add(d, "tracefs", false, g_strdup_printf("not readable: %s", g_strerror(errno)),
        "to record: sudo mount -t tracefs nodev /sys/kernel/tracing, and run as root");
}

static void print_text(CpCli *cli, const Doctor *d)
{
    g_autoptr(CpColumns) table = cp_columns_new("lll");
    unsigned n_missing = 0;
    for (unsigned i = 0; i < d->findings->len; i++) {
        const Finding *f = &g_array_index(d->findings, Finding, i);
        cp_columns_cell(table, f->ok ? "ok" : "missing");
        cp_columns_cell(table, f->what);
        cp_columns_cell(table, f->found);
        if (!f->ok) {
            cp_columns_cell(table, "");
            cp_columns_cell(table, "");
            cp_columns_cellf(table, "-> %s", f->remedy);
        }
        n_missing += !f->ok;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    cp_columns_print(table, out);
    g_string_append_printf(out, "\n%s\n",
                           n_missing == 0 ? "everything is there"
                                          : "what is missing limits the commands named, "
                                            "nothing else");
    cp_out(cli, "%s", out->str);
}

static void print_json(CpCli *cli, const Doctor *d)
{
    CpJson *json = cp_result_json_new();
    cp_json_open(json, "checks", '[');
    for (unsigned i = 0; i < d->findings->len; i++) {
        const Finding *f = &g_array_index(d->findings, Finding, i);
        cp_json_open(json, NULL, '{');
        cp_json_text(json, "name", f->what);
        cp_json_bool(json, "ok", f->ok);
        cp_json_text(json, "found", f->found);
        cp_json_text(json, "remedy", f->remedy);
        cp_json_close(json, '}');
    }
    cp_json_close(json, ']');
    cp_out_json(cli, json);
}

static int run(CpCli *cli)
{
    Doctor d = {g_array_new(FALSE, FALSE, sizeof(Finding))};
    g_array_set_clear_func(d.findings, finding_clear);
    look_at_build(&d);
    look_at_terminal(&d, cli);
    look_at_config(&d, cli);
    look_at_examples(&d);
    look_at_charts(&d);
    look_at_fonts(&d);
    look_at_compiler(&d);
    look_at_perf(&d);
    look_at_tracefs(&d);
    if (cli->json) {
        print_json(cli, &d);
    } else {
        print_text(cli, &d);
    }
    g_array_unref(d.findings);
    return CP_EXIT_OK;
}

const CpCmd cp_cmd_doctor = {
    .name = "doctor",
    .summary = "show what this installation can do, with a remedy for what is missing",
    .operands = "",
    .examples =
        {{"coreplay doctor", "look at chart drivers, fonts, compiler, perf, tracefs"},
         {"coreplay doctor --json", "the same for a script"},
         {"coreplay doctor --json | jq -r '.checks[] | select(.ok | not) | .remedy'",
          "only what to do"}},
    .options = options,
    .see_also = "coreplay(1), coreplay-version(1)",
    .run = run,
};
