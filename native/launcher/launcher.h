#ifndef WARREN_LAUNCHER_H
#define WARREN_LAUNCHER_H

#include "plan.h"
#include "sys.h"

#define MOST_GROUPS 16
#define MOST_COMPANION_WORDS 4096
#define MOST_COMPANION_ARGUMENTS 256

/* A control group of the container's: cgroup.c. */
struct group {
  int parent;
  int events; /* the file that counts kills for want of memory, or -1 */
  char name[64];
};

/* A program that runs beside the command, and ends with it: companion.c. */
struct companion {
  int64_t pid; /* 0: none */
  uint64_t began_ns;
  int ready; /* its descriptor that tells that it is ready */
  int mend;
  uint32_t length;
  char words[MOST_COMPANION_WORDS]; /* its path, then its arguments, each NUL-terminated: to start it again */
};

struct machine {
  struct op *ops;
  uint32_t op_count;
  uint8_t *data;
  uint32_t data_length;
  void *mapping;
  size_t mapping_length;
  int64_t child; /* the process inside, once it is cloned; 0 in itself */
  int64_t slots[PLAN_SLOTS];
  struct group groups[MOST_GROUPS]; /* to be removed by us; none in the process inside */
  int group_count;
  /* In the child of a monitor: what it leaves to it. */
  int is_stage;
  int pidfd, channel;
  int32_t failed_op, failed_errno;
  /* The last words of a helper that failed, and why it could not be executed. */
  char note[256];
  int note_length;
  int32_t helper_errno;
  struct companion companion;
};

struct packet {
  struct message message;
  int fd;
  long length;
};

struct usage {
  uint64_t user_us, system_us, max_rss_bytes;
};

/* supervise.c: the parent of the command. Never returns. */
void supervise(struct machine *machine, int64_t pid, int64_t pidfd, int64_t channel, int64_t proc, int64_t terminal,
               void *saved_termios) __attribute__((noreturn));

/* supervise.c: one packet, without waiting; longer ones are cut. */
void receive(int from, struct packet *packet);
/* supervise.c: kills all children, and theirs, until there are none. */
void end_orphans(int children);
/* supervise.c: a descriptor that can be read when a child has ended, or negative. */
int watch_children(void);
/* supervise.c: reaps all children that have ended, but for one: what daemons leave would count as processes for ever. */
void reap_orphans(int signals, int64_t spared);
/* supervise.c: the child's status, if it has ended; else something else than its pid. */
long reap(int64_t pid, int *status, struct usage *usage);

/*
 * monitor.c: the parent of a detached container. Returns 0 in a child that carries out the plan, once for each run of
 * the container; negative where it could not begin.
 */
long monitor(struct machine *machine, const struct monitor_options *options, const char *id);

/*
 * supervise.c: becomes process 1 of the container, with the capabilities given; returns (0) in the child that goes on to
 * be the command.
 */
long become_init(int take_terminal, const void *capability_header, const void *capability_data);

/* cgroup.c: makes a group and holds its lock; the group is removed by end_groups(). Returns its directory. */
long make_group(struct machine *machine, int parent, const char *name, const char *events);
/* Kills what is left in the groups and removes them. Returns how many processes the kernel killed for want of memory. */
int end_groups(struct machine *machine);
/* Removes a group that nobody holds. Returns one of plan.h's COLLECT_… */
long collect_group(int parent, const char *name);

/* helper.c: executes a program outside, without environment, and waits for it. EPERM where it ends with another code than 0. */
long run_helper(struct machine *machine, const char *path, const void *argv);
/* helper.c: passes on what a helper that failed has said, if it said anything. */
void send_note(struct machine *machine, int fd);

/* companion.c: starts it and waits until it is ready; EPERM where it ends before. */
long run_companion(struct machine *machine, const char *path, const char *const *argv, int ready, int mend);
/*
 * Starts it again if it has died. Returns 1 where that was done, -1 where it is given up: it had died at once, or cannot be
 * started. Called when a child of ours has ended.
 */
int mend_companion(struct machine *machine);
void end_companion(struct machine *machine);

/* trace.c: returns once the process is traced. */
long run_tracer(int records, int32_t traced, const uint8_t *watched);

/* remove.c: removes a tree, however deep. ENOTEMPTY or EACCES, say, where some of it would not go. */
long remove_tree(int directory, const char *path);

/* path.c */
long make_path(int root, char *path, int is_file, uint32_t mode);

/* main.c: maps the plan that is open as `file`, in place of the present one, if there is any. */
long map_plan(struct machine *machine, int file);
/* main.c: makes addresses of the offsets in the plan's data. */
void relocate(struct machine *machine);
void leave(int code) __attribute__((noreturn));
/* Returns what sendmsg(2) does. */
long send_message(int fd, const struct message *message, int passed_fd);

#endif
