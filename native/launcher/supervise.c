/*
 * The two loops of the launcher: the parent of the command, outside the container, and the optional process 1 inside.
 * Both hold all signals blocked and read them, so no handler ever runs.
 */
#include "launcher.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/resource.h>
#include <linux/signal.h>
#include <linux/time_types.h>
#include <linux/wait.h>

#define O_NONBLOCK_ 04000
#define O_CLOEXEC_ 02000000
#define TCSETS_ 0x5402
#define TIOCSPGRP_ 0x5410
#define MSG_DONTWAIT_ 0x40
#define MSG_CMSG_CLOEXEC_ 0x40000000

void receive(int from, struct packet *packet) {
  struct {
    void *base;
    size_t length;
  } iov = {&packet->message, sizeof packet->message};
  struct {
    size_t length;
    int level, type, fd, pad;
  } cmsg = {0, 0, 0, -1, 0};
  struct {
    void *name;
    int name_length;
    void *iov;
    size_t iov_length;
    void *control;
    size_t control_length;
    unsigned flags;
  } header = {0, 0, &iov, 1, &cmsg, sizeof cmsg, 0};
  /*
   * ECONNRESET: the other side ended without having read everything of ours. It is told once, and before what that side
   * still had to say, which may be the failure.
   */
  do {
    packet->length = sys(__NR_recvmsg, from, &header, MSG_DONTWAIT_ | MSG_CMSG_CLOEXEC_);
  } while (packet->length == -ECONNRESET || packet->length == -EINTR);
  packet->fd = packet->length > 0 && header.control_length >= sizeof cmsg - 4 ? cmsg.fd : -1;
}

/* Reads one decimal number of a "children" file: "12 13 ". */
static int first_number(const char *text, long length) {
  int value = 0;
  for (long i = 0; i < length && text[i] >= '0' && text[i] <= '9'; i++) value = value * 10 + (text[i] - '0');
  return value;
}

/*
 * The command is gone, but it did not take a PID namespace with it: end whatever it left. Orphans have become our
 * children (PR_SET_CHILD_SUBREAPER), so killing children until there are none ends the whole tree, forks included.
 */
void end_orphans(int children) {
  char text[16];
  for (;;) {
    long length = sys(__NR_pread64, children, text, sizeof text, 0);
    int pid = length > 0 ? first_number(text, length) : 0;
    if (pid > 0) sys(__NR_kill, pid, SIGKILL);
    long reaped = sys(__NR_wait4, -1, 0, __WALL, 0);
    if (reaped == -ECHILD) return;
  }
}

int watch_children(void) {
  uint64_t mask = 1ull << (SIGCHLD - 1);
  return (int)sys(__NR_signalfd4, -1, &mask, 8, O_NONBLOCK_ | O_CLOEXEC_);
}

void reap_orphans(int signals, int64_t spared) {
  uint8_t read[128];
  while (sys(__NR_read, signals, read, sizeof read) > 0) {
  }
  for (;;) {
    int32_t info[32] = {0};
    /* Looked at first: how the command ended is for reap(). */
    long error = sys(__NR_waitid, P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT | __WALL, 0);
    int32_t pid = info[4]; /* si_pid */
    if (error < 0 || pid == 0 || pid == spared) return;
    sys(__NR_wait4, pid, 0, WNOHANG | __WALL, 0);
  }
}

struct rusage_ {
  struct __kernel_old_timeval user, system;
  long max_rss_kb;
  long rest[13];
};

long reap(int64_t pid, int *status, struct usage *usage) {
  struct rusage_ raw;
  long waited = sys(__NR_wait4, pid, status, __WALL | WNOHANG, &raw);
  if (waited != pid) return waited;
  usage->user_us = (uint64_t)raw.user.tv_sec * 1000000 + (uint64_t)raw.user.tv_usec;
  usage->system_us = (uint64_t)raw.system.tv_sec * 1000000 + (uint64_t)raw.system.tv_usec;
  usage->max_rss_bytes = (uint64_t)raw.max_rss_kb * 1024;
  return waited;
}

/* Passes on what the process inside says, until it says no more for now; *channel becomes -1 when it never will again. */
static void drain_channel(int *channel, int64_t pid, int pidfd, int *failed) {
  for (;;) {
    struct packet packet;
    receive(*channel, &packet);
    if (packet.length == -EAGAIN) return;
    if (packet.length <= 0) break;
    if (packet.message.type == MSG_FAILED) *failed = 1;
    if (packet.message.type != MSG_ALIVE) send_message(FD_CONTROL, &packet.message, packet.fd);
    if (packet.fd >= 0) sys(__NR_close, packet.fd);
  }
  /* Closed by execve (every descriptor of ours is close-on-exec), or by death. */
  sys(__NR_close, *channel);
  *channel = -1;
  if (!*failed) {
    struct message running = {.type = MSG_RUNNING, .a = (int32_t)pid};
    send_message(FD_CONTROL, &running, pidfd);
  }
}

void supervise(struct machine *machine, int64_t pid, int64_t pidfd, int64_t channel, int64_t children, int64_t terminal,
               void *saved_termios) {
  uint8_t termios[64];
  if (terminal >= 0) memcpy(termios, saved_termios, 36);
  /* The plan has done its work; it need not stay in memory for the life of the container. */
  sys(__NR_munmap, machine->mapping, machine->mapping_length);

  struct pollfd watched[4] = {
      {.fd = FD_CONTROL, .events = POLLIN},
      {.fd = (int)channel, .events = POLLIN},
      {.fd = (int)pidfd, .events = POLLIN},
      {.fd = children >= 0 || machine->companion.pid ? watch_children() : -1, .events = POLLIN},
  };
  int failed = 0;
  int abandoned = 0;
  int detached = 0;
  for (;;) {
    if (sys(__NR_ppoll, watched, 4, 0, 0, 8) < 0) continue;
    if (watched[3].revents) {
      reap_orphans(watched[3].fd, pid);
      mend_companion(machine);
    }

    /* Its last words, before its death is looked at. */
    if (watched[1].revents) drain_channel(&watched[1].fd, pid, (int)pidfd, &failed);

    if (watched[0].revents) {
      struct packet packet;
      receive(FD_CONTROL, &packet);
      if (packet.fd >= 0) sys(__NR_close, packet.fd);
      if (packet.length > 0) {
        if (packet.message.type == MSG_SIGNAL) sys(__NR_pidfd_send_signal, pidfd, packet.message.a, 0, 0);
        if (packet.message.type == MSG_DETACH) detached = 1;
        if (packet.message.type == MSG_CANCEL) {
          if (watched[1].fd >= 0) drain_channel(&watched[1].fd, pid, (int)pidfd, &failed);
          if (watched[1].fd >= 0) {
            failed = 1; /* its end is not to be taken for an execve */
            sys(__NR_pidfd_send_signal, pidfd, SIGKILL, 0, 0);
          }
        }
      } else if (packet.length != -EAGAIN) {
        /* Whoever started us is gone, perhaps by SIGKILL: nothing of the container may outlive it. */
        abandoned = 1;
        watched[0].fd = -1;
        if (!detached) sys(__NR_pidfd_send_signal, pidfd, SIGKILL, 0, 0);
      }
    }

    if (watched[2].revents) {
      int status = 0;
      struct usage usage;
      if (reap(pid, &status, &usage) != pid) continue;
      end_companion(machine);
      if (children >= 0) end_orphans((int)children);
      int kills = end_groups(machine);
      if (abandoned && terminal >= 0) sys(__NR_ioctl, terminal, TCSETS_, termios);
      if (!abandoned) {
        struct message exited = {
            .type = MSG_EXITED,
            .a = status,
            .b = kills,
            .user_us = usage.user_us,
            .system_us = usage.system_us,
            .max_rss_bytes = usage.max_rss_bytes,
        };
        send_message(FD_CONTROL, &exited, -1);
      }
      leave(0);
    }
  }
}

long become_init(int take_terminal, const void *capability_header, const void *capability_data) {
  /* Where there is no new PID namespace, orphans come to us by this. */
  sys(__NR_prctl, 36 /* PR_SET_CHILD_SUBREAPER */, 1, 0, 0, 0);
  long self = sys(__NR_getpid, 0);
  long child = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (child < 0) return child;
  if (child == 0) {
    /* Not inherited: without a new PID namespace, the end of the init would not be ours. */
    sys(__NR_prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL, 0, 0, 0);
    if (sys(__NR_getppid, 0) != self) leave(125);
    /* A group of its own, in the foreground, so that keyboard signals reach the command and not its init. */
    sys(__NR_setpgid, 0, 0);
    int group = (int)sys(__NR_getpgid, 0);
    if (take_terminal) sys(__NR_ioctl, 0, TIOCSPGRP_, &group);
    return 0;
  }
  sys(__NR_close_range, 0, ~0u, 0);
  sys(__NR_capset, capability_header, capability_data);
  uint64_t all = ~0ull;
  for (;;) {
    uint8_t info[128];
    long signal = sys(__NR_rt_sigtimedwait, &all, info, 0, 8);
    if (signal < 0) continue;
    if (signal != SIGCHLD) {
      sys(__NR_kill, child, signal);
      continue;
    }
    for (;;) {
      int status;
      long reaped = sys(__NR_wait4, -1, &status, WNOHANG | __WALL, 0);
      if (reaped <= 0) break;
      if (reaped != child) continue;
      int signalled = status & 0x7f;
      leave(signalled ? 128 + signalled : (status >> 8) & 0xff);
    }
  }
}
