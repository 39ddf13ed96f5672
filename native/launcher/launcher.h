#ifndef WARREN_LAUNCHER_H
#define WARREN_LAUNCHER_H

#include "plan.h"
#include "sys.h"

struct machine {
  struct op *ops;
  uint32_t op_count;
  uint8_t *data;
  uint32_t data_length;
  void *mapping;
  size_t mapping_length;
  int64_t child; /* the process inside, once it is cloned; 0 in itself */
  int64_t slots[PLAN_SLOTS];
};

/* supervise.c: the parent of the command. Never returns. */
void supervise(struct machine *machine, int64_t pid, int64_t pidfd, int64_t channel, int64_t proc, int64_t terminal,
               void *saved_termios) __attribute__((noreturn));

/*
 * supervise.c: becomes process 1 of the container, with the capabilities given; returns (0) in the child that goes on to
 * be the command.
 */
long become_init(int take_terminal, const void *capability_header, const void *capability_data);

/* path.c */
long make_path(int root, char *path, int is_file, uint32_t mode);

void leave(int code) __attribute__((noreturn));
void send_message(int fd, const struct message *message, int passed_fd);

#endif
