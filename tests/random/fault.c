/* Loaded before a program (LD_PRELOAD): one of its calls fails, or a signal comes with it.
 *
 *     COREPLAY_FAULT=CALL:N:WHAT
 *
 * CALL is malloc, open, write, sync or rename, N counts them from 1; WHAT is fail (this one
 * alone), full (this one and all that follow), term or kill (that signal instead). */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wmissing-declarations"

/* Of the program as a whole: a preloaded object has nowhere else to keep them. */
static char wanted[16], what[16];
static unsigned long number, seen;

__attribute__((constructor)) static void begin(void)
{
    const char *fault = getenv("COREPLAY_FAULT");
    if (fault == NULL ||
        sscanf(fault, "%15[a-z]:%lu:%15[a-z]", wanted, &number, what) != 3) {
        number = 0;
    }
}

/* Whether this call is to fail. */
static int fails(const char *call, int code)
{
    if (number == 0 || strcmp(call, wanted) != 0) {
        return 0;
    }
    unsigned long n = __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED);
    if (n < number || (n > number && strcmp(what, "full") != 0)) {
        return 0;
    }
    if (strcmp(what, "term") == 0 || strcmp(what, "kill") == 0) {
        kill(getpid(), what[0] == 't' ? SIGTERM : SIGKILL);
        return 0;
    }
    errno = code;
    return 1;
}

#define REAL(name) ((__typeof__(&name))(dlsym(RTLD_NEXT, #name)))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    return fails("malloc", ENOMEM) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails("malloc", ENOMEM) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    return fails("malloc", ENOMEM) ? NULL : __libc_realloc(old, size);
}

int openat(int folder, const char *path, int flags, ...);

/* What open and its like have in common. */
static int open_at(int folder, const char *path, int flags, unsigned mode)
{
    return fails("open", EMFILE) ? -1 : REAL(openat)(folder, path, flags, mode);
}

#define MODE(flags)                                                                        \
    unsigned mode = 0;                                                                     \
    va_list args;                                                                          \
    va_start(args, flags);                                                                 \
    mode = va_arg(args, unsigned);                                                         \
    va_end(args)

int open(const char *path, int flags, ...)
{
    MODE(flags);
    return open_at(-100, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    MODE(flags);
    return open_at(-100, path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    return fails("write", ENOSPC) ? -1 : REAL(write)(fd, bytes, n);
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return fails("write", ENOSPC) ? -1 : REAL(pwrite)(fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off_t at)
{
    return fails("write", ENOSPC) ? -1 : REAL(pwrite)(fd, bytes, n, at);
}

int fsync(int fd)
{
    return fails("sync", EIO) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    return fails("sync", EIO) ? -1 : REAL(fdatasync)(fd);
}

int rename(const char *from, const char *to)
{
    return fails("rename", EIO) ? -1 : REAL(rename)(from, to);
}
