/*
 * The container's control groups: made and locked before the process is cloned, emptied and removed when it has ended.
 *
 * Whoever may remove one is told by flock(2) on its directory. The launcher holds it shared for as long as it lives, and
 * the kernel lets go of it when the launcher dies, however that happens: a directory that can be locked exclusively has
 * nobody. Between its mkdir and its lock a group would look dead; there the lock of the parent stands for it.
 */
#include "launcher.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/signal.h>
#include <linux/time_types.h>

#define LOCK_SH_ 1
#define LOCK_EX_ 2
#define LOCK_NB_ 4
#define LOCK_UN_ 8
#define O_RDONLY_ 0
#define O_WRONLY_ 1
#define O_CLOEXEC_ 02000000
#define DT_DIR_ 4
#define MOST_DEPTH 32
/* With pauses of a millisecond. A task that is stuck in the kernel is left to `warren gc`. */
#define MOST_TRIES 3000

struct dirent_ {
  uint64_t ino;
  int64_t off;
  uint16_t length;
  uint8_t type;
  char name[];
};

static long open_group(int parent, const char *name) {
  return sys(__NR_openat, parent, name, O_RDONLY_ | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC_, 0);
}

long make_group(struct machine *machine, int parent, const char *name, const char *events) {
  struct group *group = &machine->groups[machine->group_count];
  size_t length = 0;
  while (name[length]) length++;
  if (machine->group_count == MOST_GROUPS || length >= sizeof group->name) return -E2BIG;

  /* Not waited for: a collector that has this lock has made its list, and we are not on it. */
  long guarded = sys(__NR_flock, parent, LOCK_SH_ | LOCK_NB_);
  long result = sys(__NR_mkdirat, parent, name, 0700);
  if (result >= 0) {
    memcpy(group->name, name, length + 1);
    group->parent = parent;
    group->events = -1;
    machine->group_count++;
    /* Nobody else may open it, and thus lock it, until we have. */
    result = open_group(parent, name);
    if (result >= 0) {
      long directory = result;
      long locked = sys(__NR_flock, directory, LOCK_SH_ | LOCK_NB_);
      if (locked >= 0) locked = sys(__NR_fchmod, directory, 0755);
      if (locked >= 0 && *events) {
        group->events = (int)sys(__NR_openat, directory, events, O_RDONLY_ | O_CLOEXEC_, 0);
        if (group->events < 0) locked = group->events;
      }
      if (locked < 0) result = locked;
    }
  }
  if (guarded >= 0) sys(__NR_flock, parent, LOCK_UN_);
  return result;
}

/* The number after a word that begins a line: "oom_kill 3". */
static int read_count(int file, const char *word) {
  char text[1024];
  long length = sys(__NR_pread64, file, text, sizeof text - 1, 0);
  if (length <= 0) return 0;
  text[length] = 0;
  for (char *line = text; *line;) {
    int i = 0;
    while (word[i] && line[i] == word[i]) i++;
    if (!word[i] && line[i] == ' ') {
      int value = 0;
      for (i++; line[i] >= '0' && line[i] <= '9'; i++) value = value * 10 + (line[i] - '0');
      return value;
    }
    while (*line && *line != '\n') line++;
    if (*line) line++;
  }
  return 0;
}

/* Whether a pid stands in an open cgroup.procs. */
static int is_member(int procs, int wanted) {
  char text[2048];
  int value = 0;
  for (int64_t at = 0;;) {
    long length = sys(__NR_pread64, procs, text, sizeof text, at);
    if (length <= 0) return 0;
    for (long i = 0; i < length; i++) {
      if (text[i] >= '0' && text[i] <= '9') {
        value = value * 10 + (text[i] - '0');
      } else {
        if (value == wanted) return 1;
        value = 0;
      }
    }
    at += length;
  }
}

static void kill_members(int directory) {
  /* cgroup2, since Linux 5.14: all of them at once, forks included. */
  long whole = sys(__NR_openat, directory, "cgroup.kill", O_WRONLY_ | O_CLOEXEC_, 0);
  if (whole >= 0) {
    sys(__NR_write, whole, "1", 1);
    sys(__NR_close, whole);
    return;
  }
  long procs = sys(__NR_openat, directory, "cgroup.procs", O_RDONLY_ | O_CLOEXEC_, 0);
  if (procs < 0) return;
  char text[2048];
  long length = sys(__NR_pread64, procs, text, sizeof text, 0);
  int pid = 0;
  for (long i = 0; i < length; i++) {
    if (text[i] >= '0' && text[i] <= '9') {
      pid = pid * 10 + (text[i] - '0');
      continue;
    }
    /* Held first, looked up again then: a number that has been given to somebody else is not in the group any more. */
    long pidfd = pid > 0 ? sys(__NR_pidfd_open, pid, 0) : -1;
    if (pidfd >= 0) {
      if (is_member((int)procs, pid)) sys(__NR_pidfd_send_signal, pidfd, SIGKILL, 0, 0);
      sys(__NR_close, pidfd);
    }
    pid = 0;
  }
  sys(__NR_close, procs);
}

/* What cgroup v1 has frozen does not even die of SIGKILL before it is thawed. */
static void thaw(int directory) {
  long state = sys(__NR_openat, directory, "freezer.state", O_WRONLY_ | O_CLOEXEC_, 0);
  if (state < 0) return;
  sys(__NR_write, state, "THAWED", 6);
  sys(__NR_close, state);
}

/* One attempt. A privileged container may have made groups below its own. */
static long remove_once(int parent, const char *name, int depth) {
  long removed = sys(__NR_unlinkat, parent, name, AT_REMOVEDIR);
  if (removed != -EBUSY && removed != -ENOTEMPTY) return removed;
  long directory = open_group(parent, name);
  if (directory < 0) return directory;
  kill_members((int)directory);
  thaw((int)directory);
  char entries[1024] __attribute__((aligned(8)));
  for (;;) {
    long length = sys(__NR_getdents64, directory, entries, sizeof entries);
    if (length <= 0) break;
    for (long at = 0; at < length;) {
      struct dirent_ *entry = (struct dirent_ *)(entries + at);
      at += entry->length;
      int dots = entry->name[0] == '.' && (!entry->name[1] || (entry->name[1] == '.' && !entry->name[2]));
      if (entry->type == DT_DIR_ && !dots && depth < MOST_DEPTH) remove_once((int)directory, entry->name, depth + 1);
    }
  }
  sys(__NR_close, directory);
  return sys(__NR_unlinkat, parent, name, AT_REMOVEDIR);
}

static long remove_group(int parent, const char *name) {
  for (int tries = 0;; tries++) {
    long removed = remove_once(parent, name, 0);
    if ((removed != -EBUSY && removed != -ENOTEMPTY) || tries == MOST_TRIES) return removed;
    struct __kernel_timespec pause = {0, tries < 10 ? 100000 : 1000000};
    sys(__NR_ppoll, 0, 0, &pause, 0, 8);
  }
}

int end_groups(struct machine *machine) {
  int kills = 0;
  /* Before the first is removed: a file of a removed group says nothing. */
  for (int i = 0; i < machine->group_count; i++)
    if (machine->groups[i].events >= 0) kills += read_count(machine->groups[i].events, "oom_kill");
  while (machine->group_count > 0) {
    struct group *group = &machine->groups[--machine->group_count];
    remove_group(group->parent, group->name);
  }
  return kills;
}

long collect_group(int parent, const char *name) {
  if (sys(__NR_flock, parent, LOCK_EX_ | LOCK_NB_) < 0) return COLLECT_ALIVE;
  long directory = open_group(parent, name);
  long locked = directory < 0 ? directory : sys(__NR_flock, directory, LOCK_EX_ | LOCK_NB_);
  sys(__NR_flock, parent, LOCK_UN_);
  long result = COLLECT_ALIVE;
  if (directory == -ENOENT) result = COLLECT_GONE;
  else if (locked >= 0) {
    long removed = remove_group(parent, name);
    result = removed >= 0 ? COLLECT_REMOVED : removed == -ENOENT ? COLLECT_GONE : COLLECT_FAILED;
  }
  if (directory >= 0) sys(__NR_close, directory);
  return result;
}
