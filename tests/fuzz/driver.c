/* Feeds files, or all files of folders, to a fuzz target once each; for builds without
 * libFuzzer.  Prints how many inputs were read, so that an empty corpus is seen. */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned feed_file(const char *path)
{
    g_autofree char *text = NULL;
    gsize len = 0;
    if (!g_file_get_contents(path, &text, &len, NULL)) {
        fprintf(stderr, "cannot read %s\n", path);
        return 0;
    }
    /* A copy of just its size: without the NUL that follows, a sanitizer sees reads past
     * the end, as libFuzzer does. */
    uint8_t *data = malloc(len);
    if (data != NULL) {
        memcpy(data, text, len);
        (void)LLVMFuzzerTestOneInput(data, len); /* always 0 */
    }
    free(data);
    return 1;
}

static unsigned feed_folder(const char *path)
{
    unsigned n = 0;
    const char *name;
    GDir *dir = g_dir_open(path, 0, NULL);
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        n += feed_file(file);
    }
    if (dir != NULL) {
        g_dir_close(dir);
    }
    return n;
}

int main(int argc, char **argv)
{
    unsigned n = 0;
    for (int i = 1; i < argc; i++) {
        n += g_file_test(argv[i], G_FILE_TEST_IS_DIR) ? feed_folder(argv[i])
                                                      : feed_file(argv[i]);
    }
    printf("%u inputs\n", n);
    return n > 0 ? 0 : 1;
}
