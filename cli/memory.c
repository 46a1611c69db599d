#include "cli/memory.h"

#include "cli/cmd.h"
#include "traces/outfile.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

/* How the program ends when there is no more memory. */

enum { KEPT = 8 << 20, LINE_MAX_BYTES = 512 };

/* An allocation can reach nothing but globals. */
static const char *const *command;
static void *kept; /* given back when memory runs out; NULL: none */
static volatile int *end_flag;
static int end_value;
static size_t short_of; /* bytes that could not be had; 0: none yet */

/* MiB of address space in use, 0 if unknown; nothing here allocates. */
static unsigned long in_use(void)
{
    char text[64] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) {
        close(fd);
    }
    return n > 0 ? strtoul(text, NULL, 10) * (unsigned long)sysconf(_SC_PAGESIZE) >> 20 : 0;
}

static void say(const char *text)
{
    size_t n = strlen(text);
    while (n > 0) {
        ssize_t done = write(STDERR_FILENO, text, n);
        if (done <= 0 && errno != EINTR) {
            return;
        }
        text += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
}

/* "coreplay run: error: TEXT", as all messages begin. */
static void say_error(const char *text)
{
    char line[LINE_MAX_BYTES];
    const char *name = command != NULL ? *command : NULL;
    snprintf(line, sizeof line, "coreplay%s%s: error: %s\n", name != NULL ? " " : "",
             name != NULL ? name : "", text);
    say(line);
}

void cp_memory_tell(void)
{
    size_t bytes = __atomic_load_n(&short_of, __ATOMIC_RELAXED);
    if (bytes == 0) {
        return;
    }
    char text[LINE_MAX_BYTES / 2];
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    int n = snprintf(text, sizeof text,
                     "out of memory: %zu bytes more were needed beside "
                     "the %lu MiB of addresses in use",
                     bytes, in_use());
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        snprintf(text + n, sizeof text - (size_t)n, ", and ulimit -v allows %lu MiB",
                 (unsigned long)(limit.rlim_cur >> 20));
    }
    say_error(text);
}

static _Noreturn void end(void)
{
    cp_outfile_abandon();
    _exit(CP_EXIT_OUTPUT);
}

/* GLib ends the program when it cannot have what it takes for granted; the message says
 * what it was. */
static void on_log(const char *domain, GLogLevelFlags level, const char *message,
                   void *data)
{
    if ((level & G_LOG_LEVEL_ERROR) == 0) {
        g_log_default_handler(domain, level, message, data);
        return;
    }
    say_error(message != NULL ? message : "out of memory");
    end();
}

void cp_memory_watch(const char *const *name)
{
    command = name;
    g_log_set_default_handler(on_log, NULL);
}

void cp_memory_keep(volatile int *flag, int value)
{
    void *p = mmap(NULL, KEPT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    end_flag = flag;
    end_value = value;
    kept = p != MAP_FAILED ? p : NULL;
}

/* --- allocation --- */

#if !CP_SANITIZED /* which has an allocator of its own */

/* Memory ran out.  Returns if there is some more now. */
static void run_short(size_t bytes)
{
    __atomic_store_n(&short_of, bytes > 0 ? bytes : 1, __ATOMIC_RELAXED);
    void *last = __atomic_exchange_n(&kept, NULL, __ATOMIC_ACQ_REL);
    if (last == NULL) {
        cp_memory_tell();
        end();
    }
    munmap(last, KEPT);
    if (*end_flag == 0) {
        *end_flag = end_value;
    }
}

#define EXPORT __attribute__((visibility("default")))

typedef void *(*Malloc)(size_t size);
typedef void *(*Calloc)(size_t n, size_t size);
typedef void *(*Realloc)(void *old, size_t size);
typedef int (*Memalign)(void **p, size_t alignment, size_t size);

static struct {
    Malloc malloc;
    Calloc calloc;
    Realloc realloc;
    Memalign memalign;
} next; /* what these names stand for without us */

/* Finds the functions; looking for them may allocate itself, which has to do without. */
static bool look_up(void)
{
    static bool looking;
    if (looking) {
        return false;
    }
    looking = true;
    next.calloc = (Calloc)dlsym(RTLD_NEXT, "calloc");
    next.realloc = (Realloc)dlsym(RTLD_NEXT, "realloc");
    next.memalign = (Memalign)dlsym(RTLD_NEXT, "posix_memalign");
    next.malloc = (Malloc)dlsym(RTLD_NEXT, "malloc");
    looking = false;
    return next.malloc != NULL;
}

#define READY (G_LIKELY(next.malloc != NULL) || look_up())

EXPORT void *malloc(size_t size)
{
    void *p = NULL;
    while (READY && (p = next.malloc(size)) == NULL && size > 0) {
        run_short(size);
    }
    return p;
}

EXPORT void *calloc(size_t n, size_t size)
{
    void *p = NULL;
    while (READY && (p = next.calloc(n, size)) == NULL && n > 0 && size > 0) {
        run_short(n <= SIZE_MAX / size ? n * size : SIZE_MAX);
    }
    return p;
}

EXPORT void *realloc(void *old, size_t size)
{
    void *p = NULL;
    while (READY && (p = next.realloc(old, size)) == NULL && size > 0) {
        run_short(size);
    }
    return p;
}

EXPORT int posix_memalign(void **p, size_t alignment, size_t size)
{
    int code = ENOMEM;
    while (READY && (code = next.memalign(p, alignment, size)) == ENOMEM) {
        run_short(size);
    }
    return code;
}

#endif
