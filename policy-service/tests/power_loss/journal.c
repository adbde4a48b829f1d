/*
 * Notes in the file $VELUM_JOURNAL, in their order, what is done to the files of the folder `velum-data`, and
 * when each was flushed. Not to the index of the write-ahead log (`-shm`), which SQLite makes anew, nor to the
 * lock file. A flush of the file $VELUM_UNFLUSHED is answered as done and does nothing.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define FOLDER "/velum-data"
#define REAL(name) dlsym(RTLD_NEXT, name)

/* What stands before the bytes of each entry. */
struct entry {
    char kind;
    char name[47];
    uint64_t at;
    uint64_t length;
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;

static int journal_file(void) {
    const char *where = getenv("VELUM_JOURNAL");
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
    if (journal < 0 && where != NULL)
        journal = ((int (*)(const char *, int, ...))REAL("open"))(where, flags, 0600);
    if (journal < 0) abort();
    return journal;
}

/* One call of the system, so that an entry is whole. */
static void note(char kind, const char *name, uint64_t at, const void *bytes, size_t length) {
    struct entry head = {.kind = kind, .at = at, .length = length};
    struct iovec parts[] = {{&head, sizeof head}, {(void *)bytes, length}};
    strncpy(head.name, name, sizeof head.name - 1);
    if (writev(journal_file(), parts, 2) != (ssize_t)(sizeof head + length)) abort();
}

/* The name in the folder, `.` for itself, and NULL for what is none of ours. */
static const char *ours(const char *path) {
    const char *base = strrchr(path, '/');
    size_t length = strlen(path), folder = strlen(FOLDER);
    if (base == NULL) return NULL;
    if (length >= folder && strcmp(path + length - folder, FOLDER) == 0) return ".";
    if (base - path < (ssize_t)folder || strncmp(base - folder, FOLDER, folder) != 0) return NULL;
    if (length >= 4 && strcmp(path + length - 4, "-shm") == 0) return NULL;
    if (strcmp(base, "/velum.lock") == 0 || strstr(base, " (deleted)") != NULL) return NULL;
    return base + 1;
}

static const char *name_of(int file, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, size - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    return ours(path);
}

static int opened(const char *symbol, const char *path, int flags, mode_t mode) {
    int (*real)(const char *, int, ...) = REAL(symbol);
    const char *name = (flags & (O_CREAT | O_TRUNC)) ? ours(path) : NULL;
    if (name == NULL) return real(path, flags, mode);
    pthread_mutex_lock(&turn);
    int is_new = access(path, F_OK) != 0;
    int file = real(path, flags, mode);
    if (file >= 0 && is_new) note('C', name, 0, NULL, 0);
    if (file >= 0 && !is_new && (flags & O_TRUNC)) note('T', name, 0, NULL, 0);
    pthread_mutex_unlock(&turn);
    return file;
}

#define OPEN(symbol)                                          \
    int symbol(const char *path, int flags, ...) {            \
        mode_t mode = 0;                                      \
        if (flags & (O_CREAT | __O_TMPFILE)) {                \
            va_list more;                                     \
            va_start(more, flags);                            \
            mode = va_arg(more, mode_t);                      \
            va_end(more);                                     \
        }                                                     \
        return opened(#symbol, path, flags, mode);            \
    }
OPEN(open)
OPEN(open64)

static ssize_t written(const char *symbol, int file, const void *bytes, size_t length, off_t at) {
    ssize_t (*real)(int, const void *, size_t, off_t) = REAL(symbol);
    char path[4096];
    const char *name = name_of(file, path, sizeof path);
    if (name == NULL) return real(file, bytes, length, at);
    pthread_mutex_lock(&turn);
    ssize_t done = real(file, bytes, length, at);
    if (done > 0) note('W', name, at, bytes, done);
    pthread_mutex_unlock(&turn);
    return done;
}

ssize_t pwrite(int file, const void *bytes, size_t length, off_t at) {
    return written("pwrite", file, bytes, length, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off_t at) {
    return written("pwrite64", file, bytes, length, at);
}

ssize_t write(int file, const void *bytes, size_t length) {
    ssize_t (*real)(int, const void *, size_t) = REAL("write");
    char path[4096];
    const char *name = name_of(file, path, sizeof path);
    if (name == NULL) return real(file, bytes, length);
    pthread_mutex_lock(&turn);
    ssize_t done = real(file, bytes, length);
    if (done > 0) note('W', name, lseek(file, 0, SEEK_CUR) - done, bytes, done);
    pthread_mutex_unlock(&turn);
    return done;
}

static int cut(const char *symbol, int file, off_t length) {
    int (*real)(int, off_t) = REAL(symbol);
    char path[4096];
    const char *name = name_of(file, path, sizeof path);
    if (name == NULL) return real(file, length);
    pthread_mutex_lock(&turn);
    int done = real(file, length);
    if (done == 0) note('T', name, length, NULL, 0);
    pthread_mutex_unlock(&turn);
    return done;
}

int ftruncate(int file, off_t length) { return cut("ftruncate", file, length); }
int ftruncate64(int file, off_t length) { return cut("ftruncate64", file, length); }

int unlink(const char *path) {
    int (*real)(const char *) = REAL("unlink");
    const char *name = ours(path);
    if (name == NULL) return real(path);
    pthread_mutex_lock(&turn);
    int done = real(path);
    if (done == 0) note('U', name, 0, NULL, 0);
    pthread_mutex_unlock(&turn);
    return done;
}

int rename(const char *from, const char *to) {
    int (*real)(const char *, const char *) = REAL("rename");
    const char *name = ours(from), *other = ours(to);
    if (name == NULL || other == NULL) return real(from, to);
    pthread_mutex_lock(&turn);
    int done = real(from, to);
    if (done == 0) note('R', name, 0, other, strlen(other));
    pthread_mutex_unlock(&turn);
    return done;
}

/* What is written while a flush goes on need not be part of it: the mark says how long the journal was before. */
static int flushed(const char *symbol, int file) {
    int (*real)(int) = REAL(symbol);
    const char *unflushed = getenv("VELUM_UNFLUSHED");
    char path[4096];
    const char *name = name_of(file, path, sizeof path);
    if (name == NULL) return real(file);
    if (unflushed != NULL && strcmp(name, unflushed) == 0) return 0;
    pthread_mutex_lock(&turn);
    uint64_t before = lseek(journal_file(), 0, SEEK_END);
    pthread_mutex_unlock(&turn);
    /* So long that whoever is answered before it is done has the answer before it is done. */
    size_t length = strlen(name);
    if (length >= 4 && strcmp(name + length - 4, "-wal") == 0) usleep(3000);
    int done = real(file);
    pthread_mutex_lock(&turn);
    if (done == 0) note('S', name, before, NULL, 0);
    pthread_mutex_unlock(&turn);
    return done;
}

int fsync(int file) { return flushed("fsync", file); }
int fdatasync(int file) { return flushed("fdatasync", file); }
