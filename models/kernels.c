#include "models/kernels.h"

#include "sim/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which profile stands for a kernel somebody names, with which ticks and preemption. */

typedef enum { VOLUNTARY, LAZY, FULL } Preempt;

static const char *const preempt_words[] = {"voluntary", "lazy", "full"};

typedef struct {
    const char *name, *version;
    unsigned hz;
    Preempt preempt;
    const char *who;
} Known;

static const Known known[] = {
#define KERNEL(name, version, hz, preempt, who) {name, version, hz, preempt, who},
#include "models/linux/kernels.def"
};

/* Profiles and the first version each stands for, the newest first; whether a kernel of
 * that version was measured, on emulated machines of up to 16 CPUs. */
static const struct {
    unsigned major, minor;
    const char *profile;
    bool measured;
} versions[] = {
    {7, 3, "eevdf-7.3", true},   {7, 2, "eevdf-7.2", false},   {7, 1, "eevdf-7.1", true},
    {7, 0, "eevdf-7.0", true},   {6, 19, "eevdf-6.19", false}, {6, 18, "eevdf-6.18", true},
    {6, 12, "eevdf-6.12", true}, {6, 6, "eevdf-6.6", false},   {6, 1, "cfs-6.1", true},
    {0, 0, "cfs-6.1", false},
};

/* Who makes a kernel, as its release name says: part of it, ticks before and since a
 * version. */
static const struct {
    const char *part, *who;
    unsigned hz, since_major, since_minor, hz_since;
} makers[] = {
    {"+deb", "Debian", 250, 0, 0, 250},
    {"-cloud-amd64", "Debian", 250, 0, 0, 250},
    {"-amd64", "Debian", 250, 0, 0, 250},
    {"-arm64", "Debian", 250, 0, 0, 250},
    {"-lowlatency", "Ubuntu", 1000, 0, 0, 1000},
    {"-generic", "Ubuntu", 250, 6, 8, 1000},
    {"-aws", "Ubuntu", 250, 0, 0, 250},
    {"-azure", "Ubuntu", 250, 0, 0, 250},
    {"-gcp", "Ubuntu", 250, 0, 0, 250},
    {".el", "Red Hat Enterprise Linux", 1000, 0, 0, 1000},
    {".fc", "Fedora", 1000, 0, 0, 1000},
    {".amzn", "Amazon Linux", 250, 0, 0, 250},
    {"-default", "SUSE", 250, 0, 0, 250},
    {"-arch", "Arch Linux", 300, 6, 13, 1000},
    {"-zen", "Zen", 1000, 0, 0, 1000},
};

static bool at_least(unsigned major, unsigned minor, unsigned a, unsigned b)
{
    return major > a || (major == a && minor >= b);
}

static const char *measured_list(void)
{
    return "6.1, 6.12, 6.18, 7.0, 7.1 and 7.3 were measured";
}

/* What is known of a version whose configuration is given. */
static void choose(const char *name, const char *who, unsigned major, unsigned minor,
                   unsigned hz, Preempt preempt, CpKernelChoice *out)
{
    size_t i = 0;
    while (!at_least(major, minor, versions[i].major, versions[i].minor)) {
        i++;
    }
    out->profile = cp_profile_find(versions[i].profile);
    cp_require(out->profile != NULL);
    out->hz = hz;
    out->lazy = preempt == LAZY;
    bool same = major == versions[i].major && minor == versions[i].minor;
    g_autoptr(GString) said = g_string_new(NULL);
    g_string_append_printf(said, "%s (%s, Linux %u.%u): as %s, %u Hz, %s preemption", name,
                           who, major, minor, versions[i].profile, hz,
                           preempt_words[at_least(major, minor, 7, 0) ? LAZY : preempt]);
    if (same && versions[i].measured) {
        g_string_append(said, g_str_has_prefix(who, "Debian")
                                  ? "; measured"
                                  : "; measured as Debian builds it at 250 Hz");
    } else if (same) {
        g_string_append_printf(said, "; not measured itself (%s)", measured_list());
    } else {
        g_string_append_printf(
            said, "; %u.%u itself is not modelled (%s)%s", major, minor, measured_list(),
            at_least(major, minor, 5, 15) ? "" : ", nor is anything before 5.15");
    }
    out->said = g_string_free(g_steal_pointer(&said), FALSE);
}

/* "6.8" at the beginning; the rest of the text, or NULL. */
static const char *read_version(const char *text, unsigned *major, unsigned *minor)
{
    int n = 0;
    if (!g_ascii_isdigit(text[0]) || sscanf(text, "%3u.%3u%n", major, minor, &n) != 2) {
        return NULL;
    }
    return text + n;
}

static const Known *find_known(const char *name)
{
    static const char *const like_rhel[] = {"almalinux", "rocky", "centos"};
    g_autofree char *other = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(like_rhel); i++) {
        if (g_str_has_prefix(name, like_rhel[i])) {
            other = g_strconcat("rhel", name + strlen(like_rhel[i]), NULL);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strcmp(known[i].name, other != NULL ? other : name) == 0) {
            return &known[i];
        }
    }
    return NULL;
}

bool cp_kernel_choose(const char *name, CpKernelChoice *out)
{
    unsigned major = 0, minor = 0, hz = 250;
    const Known *k = find_known(name);
    if (k != NULL) {
        read_version(k->version, &major, &minor);
        choose(name, k->who, major, minor, k->hz, k->preempt, out);
        return true;
    }
    const char *rest = read_version(name, &major, &minor);
    if (rest == NULL || major < 2 || major > 99) {
        return false;
    }
    const char *who =
        rest[0] == '\0' ? "as released, 250 Hz assumed" : "maker not known, 250 Hz assumed";
    Preempt preempt = VOLUNTARY;
    for (size_t i = 0; i < G_N_ELEMENTS(makers); i++) {
        if (strstr(rest, makers[i].part) != NULL) {
            who = makers[i].who;
            hz = at_least(major, minor, makers[i].since_major, makers[i].since_minor)
                     ? makers[i].hz_since
                     : makers[i].hz;
            /* Debian's kernels are lazy since 6.18. */
            preempt = strcmp(who, "Debian") == 0 && at_least(major, minor, 6, 18)
                          ? LAZY
                          : VOLUNTARY;
            break;
        }
    }
    choose(name, who, major, minor, hz, preempt, out);
    return true;
}

const char *const *cp_kernel_names(void)
{
    static const char *const names[] = {
#define KERNEL(name, ...) name,
#include "models/linux/kernels.def"
        NULL,
    };
    return names;
}

char *cp_kernel_summary(const char *name)
{
    CpKernelChoice choice = {0};
    cp_require(cp_kernel_choose(name, &choice));
    return choice.said;
}
