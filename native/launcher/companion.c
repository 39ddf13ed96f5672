/*
 * A program that runs beside the command for as long as that lives: pasta(1), slirp4netns(1). It is a child of whoever stays
 * with the command (supervise.c, monitor.c), is killed at the command's end, and dies with its parent, even by SIGKILL.
 */
#include "launcher.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/memfd.h>
#include <linux/poll.h>
#include <linux/signal.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#define O_RDWR_ 2
#define O_CLOEXEC_ 02000000
#define CLONE_PARENT_ 0x8000
#define PR_SET_PDEATHSIG_ 1
#define SECOND 1000000000ull
/* It configures interfaces, and asks nobody far away. */
#define PATIENCE_S 20
/* One that dies sooner than this will not do better the next time. */
#define GOOD_LIFE (2 * SECOND)

static uint64_t now_ns(void) {
  struct __kernel_timespec time = {0, 0};
  sys(__NR_clock_gettime, 1 /* CLOCK_MONOTONIC */, &time);
  return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* A new place for a descriptor that must survive the execve, and whatever stands at `taken` besides. */
static long place(long fd, int at) {
  return fd == at ? sys(__NR_fcntl, fd, F_SETFD, 0) : sys(__NR_dup3, fd, at, 0);
}

static __attribute__((noreturn)) void be_companion(struct machine *machine, const char *path, const char *const *argv, long parent,
                                                   int words, int told) {
  static const void *const no_environment[] = {0};
  uint64_t none = 0;
  sys(__NR_prctl, PR_SET_PDEATHSIG_, SIGKILL, 0, 0, 0);
  /* Before that, its death would not have been ours. */
  if (sys(__NR_getppid, 0) != parent) leave(125);
  /* Nothing terminal-generated is meant for it, and nothing of ours is its business. */
  sys(__NR_setsid, 0);
  sys(__NR_chdir, "/");
  long high_words = sys(__NR_fcntl, words, F_DUPFD_CLOEXEC, 64);
  long high_told = told < 0 ? -1 : sys(__NR_fcntl, told, F_DUPFD_CLOEXEC, 64);
  long nowhere = sys(__NR_openat, AT_FDCWD, "/dev/null", O_RDWR_ | O_CLOEXEC_, 0);
  long high_nowhere = sys(__NR_fcntl, nowhere, F_DUPFD_CLOEXEC, 64);
  place(high_nowhere, 0);
  place(high_words, 1);
  place(high_words, 2);
  int ready = machine->companion.ready;
  place(high_told >= 0 ? high_told : high_nowhere, ready);
  sys(__NR_close_range, ready > 2 ? ready + 1 : 3, ~0u, 0);
  sys(__NR_rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
  machine->helper_errno = (int32_t)-sys(__NR_execve, path, argv, no_environment);
  leave(125);
}

/*
 * Returns its pid. It is the monitor's child, not the stage's, which ends.
 *
 * What it says goes into memory: a pipe that nobody reads any more would kill it.
 */
static long start(struct machine *machine, const char *path, const char *const *argv, int words, int told) {
  long parent = machine->is_stage ? sys(__NR_getppid, 0) : sys(__NR_getpid, 0);
  machine->helper_errno = 0;
  machine->companion.began_ns = now_ns();
  long pid = sys(__NR_clone, SIGCHLD | (machine->is_stage ? CLONE_PARENT_ : 0), 0, 0, 0, 0);
  if (pid == 0) be_companion(machine, path, argv, parent, words, told);
  machine->companion.pid = pid > 0 ? pid : 0;
  return pid;
}

/* For mend_companion(): the plan is not in memory then. */
static long keep(struct companion *companion, const char *path, const char *const *argv) {
  char *at = companion->words, *end = companion->words + sizeof companion->words;
  for (int i = -1; i < 0 || argv[i]; i++) {
    if (i >= MOST_COMPANION_ARGUMENTS) return -E2BIG;
    for (const char *from = i < 0 ? path : argv[i];; from++) {
      if (at == end) return -E2BIG;
      *at++ = *from;
      if (!*from) break;
    }
  }
  companion->length = (uint32_t)(at - companion->words);
  return 0;
}

static long await(struct machine *machine, int told) {
  struct pollfd watched = {.fd = told, .events = POLLIN};
  uint64_t deadline = now_ns() + PATIENCE_S * SECOND;
  for (;;) {
    uint64_t time = now_ns();
    if (time >= deadline) return -ETIMEDOUT;
    struct __kernel_timespec rest = {(int64_t)((deadline - time) / SECOND), (int64_t)((deadline - time) % SECOND)};
    if (sys(__NR_ppoll, &watched, 1, &rest, 0, 8) <= 0) continue;
    char text[16];
    long length = sys(__NR_read, told, text, sizeof text);
    if (length == -EINTR || length == -EAGAIN) continue;
    if (length > 0) return 0;
    return machine->helper_errno ? -machine->helper_errno : -EPERM;
  }
}

long run_companion(struct machine *machine, const char *path, const char *const *argv, int ready, int mend) {
  struct companion *companion = &machine->companion;
  long error = keep(companion, path, argv);
  if (error < 0) return error;
  companion->ready = ready;
  companion->mend = mend;
  machine->note_length = 0;
  int ends[2];
  error = sys(__NR_pipe2, ends, O_CLOEXEC_);
  if (error < 0) return error;
  long words = sys(__NR_memfd_create, "words", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  long pid = words < 0 ? words : start(machine, path, argv, (int)words, ends[1]);
  sys(__NR_close, ends[1]);
  error = pid < 0 ? pid : await(machine, ends[0]);
  sys(__NR_close, ends[0]);
  if (error < 0) {
    long length = words < 0 ? 0 : sys(__NR_pread64, words, machine->note, sizeof machine->note, 0);
    machine->note_length = length > 0 ? (int)length : 0;
    end_companion(machine);
  } else {
    /* It has said all that anybody will read. */
    sys(__NR_fcntl, words, F_ADD_SEALS, F_SEAL_GROW);
  }
  if (words >= 0) sys(__NR_close, words);
  return error;
}

int mend_companion(struct machine *machine) {
  struct companion *companion = &machine->companion;
  /* ECHILD: reaped by another already. */
  if (!companion->pid || sys(__NR_wait4, companion->pid, 0, WNOHANG | __WALL, 0) == 0) return 0;
  companion->pid = 0;
  if (!companion->mend || now_ns() - companion->began_ns < GOOD_LIFE) return -1;
  const char *argv[MOST_COMPANION_ARGUMENTS + 1];
  int count = 0;
  const char *end = companion->words + companion->length;
  const char *at = companion->words;
  while (*at++) {
  }
  while (at < end) {
    argv[count++] = at;
    while (*at++) {
    }
  }
  argv[count] = 0;
  long words = sys(__NR_memfd_create, "words", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (words < 0) return -1;
  sys(__NR_fcntl, words, F_ADD_SEALS, F_SEAL_GROW);
  long pid = start(machine, companion->words, argv, (int)words, -1);
  sys(__NR_close, words);
  return pid > 0 ? 1 : -1;
}

void end_companion(struct machine *machine) {
  int64_t pid = machine->companion.pid;
  machine->companion.pid = 0;
  if (pid <= 0) return;
  sys(__NR_kill, pid, SIGKILL);
  /* ECHILD in the stage: it is the monitor's to reap. */
  while (sys(__NR_wait4, pid, 0, __WALL, 0) == -EINTR) {
  }
}
