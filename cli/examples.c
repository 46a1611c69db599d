#include "cli/examples.h"

#include "cli/cmd.h"
#include "cli/example-service.h"
#include "cli/example-starter.h"

#include <string.h>

/* Which examples there are: the files of the data directory, and texts the program brings
 * along; what each shows is said by the first comment of its file. */

static void example_free(void *data)
{
    CpExampleFile *example = data;
    g_free(example->name);
    g_free(example->path);
    g_free(example->summary);
    g_free(example);
}

enum { SUMMARY_MAX = 90 };

/* The first comment of a workload says what it shows; new text of its first sentence. */
static char *summary_of(const char *path, const char *name)
{
    g_autofree char *text = NULL;
    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return g_strdup("");
    }
    g_autoptr(GString) comment = g_string_new(NULL);
    g_autofree char *heading = g_strdup_printf("%s.cpw", name);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 16);
    for (char **line = lines; *line != NULL && **line == '#'; line++) {
        char *words = g_strstrip(*line + 1);
        if (g_str_has_prefix(words, heading)) {
            words += strlen(heading);
            words += strspn(words, ": -");
        }
        if (*words == '\0' && comment->len > 0) {
            break;
        }
        g_string_append_printf(comment, "%s%s", comment->len > 0 ? " " : "", words);
    }
    const char *end = strstr(comment->str, ". ");
    size_t len = end != NULL ? (size_t)(end - comment->str) : comment->len;
    /* A long sentence ends at a comma or colon that leaves it readable. */
    for (size_t i = MIN(len, SUMMARY_MAX); len > SUMMARY_MAX && i > 0; i--) {
        if ((comment->str[i] == ',' || comment->str[i] == ':')) {
            len = i;
        }
    }
    bool has_dot = len > 0 && comment->str[len - 1] == '.';
    return g_strndup(comment->str, len - has_dot);
}

static int by_name(const void *a, const void *b)
{
    const CpExampleFile *const *left = a;
    const CpExampleFile *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static void add_examples(GPtrArray *examples, const char *directory)
{
    g_autofree char *root = cp_data_path(directory);
    g_autoptr(GDir) dir = root != NULL ? g_dir_open(root, 0, NULL) : NULL;
    const char *file;
    while (dir != NULL && (file = g_dir_read_name(dir)) != NULL) {
        if (!g_str_has_suffix(file, ".cpw")) {
            continue;
        }
        CpExampleFile *example = g_new0(CpExampleFile, 1);
        example->name = g_strndup(file, strlen(file) - strlen(".cpw"));
        example->path = g_build_filename(root, file, NULL);
        example->summary = summary_of(example->path, example->name);
        g_ptr_array_add(examples, example);
    }
}

static void add_service(GPtrArray *examples)
{
    CpExampleFile *service = g_new0(CpExampleFile, 1);
    service->name = g_strdup(CP_SERVICE_NAME);
    service->summary = g_strdup(CP_SERVICE_SUMMARY);
    g_ptr_array_add(examples, service);
}

static void add_starter(GPtrArray *examples)
{
    for (unsigned i = 0; i < examples->len; i++) {
        const CpExampleFile *example = examples->pdata[i];
        if (strcmp(example->name, CP_STARTER_NAME) == 0) {
            return;
        }
    }
    CpExampleFile *starter = g_new0(CpExampleFile, 1);
    starter->name = g_strdup(CP_STARTER_NAME);
    starter->summary = g_strdup(CP_STARTER_SUMMARY);
    g_ptr_array_add(examples, starter);
}

GPtrArray *cp_examples(void)
{
    GPtrArray *examples = g_ptr_array_new_with_free_func(example_free);
    add_examples(examples, "examples");
    add_examples(examples, "examples/workloads");
    add_examples(examples, "examples/tutorials");
    add_service(examples);
    add_starter(examples);
    g_ptr_array_sort(examples, by_name);
    return examples;
}
