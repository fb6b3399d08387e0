/* A clock for a hub with a past: loaded before its libraries, it moves both the clock on the wall and the steady one by as many
   nanoseconds as stand in the file that CLOCK_FILE names. Waits end when they would have ended. For Linux and tests alone. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The steady clock begins at the start of the machine: with this it is never before that. */
#define STEADY_START 100000000LL
#define SECOND 1000000000LL

static volatile int64_t *offset;
static int (*gettime)(clockid_t, struct timespec *);
static long (*call)(long, ...);

__attribute__((constructor)) static void start(void) {
  gettime = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  call = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  const char *name = getenv("CLOCK_FILE");
  int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void *map = mmap(NULL, 8, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (map != MAP_FAILED) offset = map;
}

static void move(struct timespec *time, int64_t by) {
  int64_t nanoseconds = time->tv_nsec + by % SECOND;
  time->tv_sec += by / SECOND;
  if (nanoseconds >= SECOND) time->tv_sec += 1, nanoseconds -= SECOND;
  if (nanoseconds < 0) time->tv_sec -= 1, nanoseconds += SECOND;
  time->tv_nsec = nanoseconds;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = gettime ? gettime(clock, time) : (int)syscall(SYS_clock_gettime, clock, time);
  if (result != 0 || !offset) return result;
  if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) move(time, *offset);
  if (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE) {
    move(time, *offset);
    time->tv_sec += STEADY_START;
  }
  return result;
}

/* Threads wait until a moment of the steady clock, and the kernel knows only its own. */
long syscall(long number, ...) {
  long given[6];
  va_list list;
  va_start(list, number);
  for (int at = 0; at < 6; at += 1) given[at] = va_arg(list, long);
  va_end(list);
  struct timespec until;
  if (number == SYS_futex && offset && (given[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET && given[3]) {
    until = *(struct timespec *)given[3];
    move(&until, -*offset);
    until.tv_sec -= STEADY_START;
    if (until.tv_sec < 0) until.tv_sec = 0, until.tv_nsec = 0;
    given[3] = (long)&until;
  }
  return call(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}
