/* A program that the plan has executed beside itself, and waited for: newuidmap(1), newgidmap(1). */
#include "launcher.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/signal.h>
#include <linux/wait.h>

#define O_CLOEXEC_ 02000000
#define MSG_NOSIGNAL_ 0x4000

/* What it says is kept, and told if it fails. It gets nothing of ours: no stream of the command's, no other descriptor. */
static __attribute__((noreturn)) void be_helper(struct machine *machine, const char *path, const void *argv, int output) {
  static const void *const no_environment[] = {0};
  uint64_t none = 0;
  sys(__NR_rt_sigprocmask, SIG_SETMASK, &none, 0, 8);
  sys(__NR_dup3, output, 1, 0);
  sys(__NR_dup3, output, 2, 0);
  sys(__NR_close, 0);
  sys(__NR_close_range, 3, ~0u, 0);
  machine->helper_errno = (int32_t)-sys(__NR_execve, path, argv, no_environment);
  leave(125);
}

static void keep_words(struct machine *machine, int from) {
  char rest[128];
  for (;;) {
    int room = (int)sizeof machine->note - machine->note_length;
    long length = room > 0 ? sys(__NR_read, from, machine->note + machine->note_length, room)
                           : sys(__NR_read, from, rest, sizeof rest);
    if (length == -EINTR) continue;
    if (length <= 0) return;
    if (room > 0) machine->note_length += (int)length;
  }
}

long run_helper(struct machine *machine, const char *path, const void *argv) {
  int ends[2];
  long error = sys(__NR_pipe2, ends, O_CLOEXEC_);
  if (error < 0) return error;
  machine->note_length = 0;
  machine->helper_errno = 0;
  long helper = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (helper == 0) be_helper(machine, path, argv, ends[1]);
  sys(__NR_close, ends[1]);
  int status = 0;
  if (helper > 0) {
    keep_words(machine, ends[0]);
    while (sys(__NR_wait4, helper, &status, __WALL, 0) == -EINTR) {
    }
  }
  sys(__NR_close, ends[0]);
  if (helper < 0) return helper;
  if (machine->helper_errno) return -machine->helper_errno;
  if (status) return -EPERM;
  machine->note_length = 0;
  return 0;
}

void send_note(struct machine *machine, int fd) {
  struct {
    uint32_t type;
    char text[sizeof machine->note];
  } packet = {.type = MSG_DATA};
  if (!machine->note_length) return;
  memcpy(packet.text, machine->note, (size_t)machine->note_length);
  sys(__NR_sendto, fd, &packet, sizeof packet.type + (size_t)machine->note_length, MSG_NOSIGNAL_, 0, 0);
}
