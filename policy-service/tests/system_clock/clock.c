/*
 * Tells the time of the world as the file $VELUM_CLOCK says, which has two numbers: by how many milliseconds the
 * clock is off, and by how many millionths of what passes it goes too fast. What measures durations is left alone.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static volatile int64_t *said;
static int64_t looked, gained;

static int64_t real(clockid_t clock) {
    struct timespec now;
    if (syscall(SYS_clock_gettime, clock, &now) != 0) abort();
    return now.tv_sec * SECOND + now.tv_nsec;
}

/* What it has gained at its rates, by the clock that nobody sets. */
static int64_t moved(clockid_t clock) {
    pthread_mutex_lock(&turn);
    if (said == NULL) {
        int file = open(getenv("VELUM_CLOCK"), O_RDONLY | O_CLOEXEC);
        said = mmap(NULL, 16, PROT_READ, MAP_SHARED, file, 0);
        if (said == MAP_FAILED) abort();
        close(file);
        looked = real(CLOCK_MONOTONIC);
    }
    int64_t now = real(CLOCK_MONOTONIC);
    gained += (now - looked) * said[1] / 1000000;
    looked = now;
    int64_t time = real(clock) + said[0] * 1000000 + gained;
    pthread_mutex_unlock(&turn);
    return time;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
        return syscall(SYS_clock_gettime, clock, time);
    int64_t now = moved(clock);
    time->tv_sec = now / SECOND;
    time->tv_nsec = now % SECOND;
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    int64_t now = moved(CLOCK_REALTIME);
    time->tv_sec = now / SECOND;
    time->tv_usec = now % SECOND / 1000;
    return 0;
}

time_t time(time_t *seconds) {
    time_t now = moved(CLOCK_REALTIME) / SECOND;
    if (seconds != NULL) *seconds = now;
    return now;
}
