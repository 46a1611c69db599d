#include "tests/accuracy/reality.h"

#include "sim/error.h"

#include <string.h>

yajl_val member(yajl_val object, const char *key)
{
    const char *path[] = {key, NULL};
    return object == NULL ? NULL : yajl_tree_get(object, path, yajl_t_any);
}

double number(yajl_val v, double otherwise)
{
    return v != NULL && YAJL_IS_NUMBER(v) ? YAJL_GET_DOUBLE(v) : otherwise;
}

double number_at(yajl_val object, const char *key, double otherwise)
{
    return number(member(object, key), otherwise);
}

const char *text(yajl_val v)
{
    const char *s = v != NULL ? YAJL_GET_STRING(v) : NULL;
    return s != NULL ? s : "";
}

const char *text_at(yajl_val object, const char *key)
{
    return text(member(object, key));
}

size_t length(yajl_val array)
{
    return array != NULL && YAJL_IS_ARRAY(array) ? YAJL_GET_ARRAY(array)->len : 0;
}

yajl_val read_json(const char *folder, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *content = NULL;
    char message[512];
    if (!g_file_get_contents(path, &content, NULL, error)) {
        return NULL;
    }
    yajl_val tree = yajl_tree_parse(content, message, sizeof message);
    if (tree == NULL) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT, "%s: %s", path, message);
    }
    return tree;
}

static unsigned count_cpus(yajl_val scenarios)
{
    unsigned n = 1;
    for (size_t i = 0; i < length(scenarios); i++) {
        yajl_val affinity = member(YAJL_GET_ARRAY(scenarios)->values[i], "affinity");
        for (size_t k = 0; k < length(affinity); k++) {
            unsigned cpu = (unsigned)number(YAJL_GET_ARRAY(affinity)->values[k], 0);
            n = MAX(n, cpu + 1);
        }
    }
    return n;
}

Reality *reality_load(const char *folder, GError **error)
{
    Reality *r = g_new0(Reality, 1);
    r->folder = g_strdup(folder);
    r->scenarios = read_json(folder, "scenarios.json", error);
    if (r->scenarios != NULL) {
        r->measurements = read_json(folder, "measurements.json", error);
    }
    if (r->measurements == NULL) {
        reality_free(r);
        return NULL;
    }
    if (!YAJL_IS_ARRAY(r->scenarios) || !YAJL_IS_OBJECT(r->measurements)) {
        g_set_error(error, CP_ERROR, CP_ERROR_INPUT,
                    "%s: scenarios.json must be a list and measurements.json an object",
                    folder);
        reality_free(r);
        return NULL;
    }
    r->overheads = read_json(folder, "overheads.json", NULL);
    r->n_cpus = count_cpus(r->scenarios);
    g_autofree char *path = g_build_filename(folder, "machine.txt", NULL);
    g_autofree char *machine = NULL;
    r->lazy = g_file_get_contents(path, &machine, NULL, NULL) &&
              strstr(machine, "(lazy)") != NULL;
    return r;
}

void reality_free(Reality *r)
{
    yajl_tree_free(r->scenarios);
    yajl_tree_free(r->measurements);
    yajl_tree_free(r->overheads);
    g_free(r->folder);
    g_free(r);
}

yajl_val measured_of(const Reality *reality, yajl_val scenario)
{
    return member(reality->measurements, text_at(scenario, "id"));
}

unsigned simulated_cpu(yajl_val scenario, unsigned cpu)
{
    yajl_val topology = member(scenario, "topology");
    unsigned smt = (unsigned)number_at(topology, "smt", 1);
    unsigned cpus = (unsigned)number_at(topology, "cpus", 0);
    if (smt < 2 || cpu >= cpus) {
        return cpu;
    }
    return cpu / smt + cpu % smt * (cpus / smt);
}

bool is_native(yajl_val scenario)
{
    return g_strcmp0(text_at(member(scenario, "model"), "runtime"), "native") == 0;
}
