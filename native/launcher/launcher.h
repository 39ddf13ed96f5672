#ifndef WARREN_LAUNCHER_H
#define WARREN_LAUNCHER_H

#include "plan.h"
#include "sys.h"

#define MOST_GROUPS 16

/* A control group of the container's: cgroup.c. */
struct group {
  int parent;
  int events; /* the file that counts kills for want of memory, or -1 */
  char name[64];
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
};

/* supervise.c: the parent of the command. Never returns. */
void supervise(struct machine *machine, int64_t pid, int64_t pidfd, int64_t channel, int64_t proc, int64_t terminal,
               void *saved_termios) __attribute__((noreturn));

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

/* path.c */
long make_path(int root, char *path, int is_file, uint32_t mode);

void leave(int code) __attribute__((noreturn));
void send_message(int fd, const struct message *message, int passed_fd);

#endif
