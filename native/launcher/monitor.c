/*
 * The monitor: the parent of a detached container, for as long as that lives.
 *
 * For each run it forks a child, the stage, that carries out the plan and leaves it the process inside (cloned with
 * CLONE_PARENT, so that it is the monitor's own child). Stage and monitor share their descriptors and the page of struct
 * machine, and nothing else: what the stage joins or unshares is gone with it, and the next run begins anew.
 *
 * It writes the log, keeps the status file, and serves the socket. It waits for nobody: a reader of the log that is slow
 * is slow by itself, input that the container does not read stays with the client, a full disk loses log and no more.
 */
#include "launcher.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/signal.h>
#include <linux/time_types.h>
#include <linux/un.h>
#include <linux/wait.h>

#define O_RDONLY_ 0
#define O_WRONLY_ 1
#define O_RDWR_ 2
#define O_CREAT_ 0100
#define O_NOCTTY_ 0400
#define O_APPEND_ 02000
#define O_NONBLOCK_ 04000
#define O_CLOEXEC_ 02000000
#define F_SETFL_ 4
#define SEEK_END_ 2
#define CLONE_NEWUSER_ 0x10000000
#define LOCK_SH_ 1
#define LOCK_EX_ 2
#define LOCK_EX_NB_ 6
#define MSG_PEEK_ 2
#define MSG_TRUNC_ 0x20
#define MSG_DONTWAIT_ 0x40
#define MSG_NOSIGNAL_ 0x4000
#define SOCK_SEQPACKET_ 5
#define PR_SET_PDEATHSIG_ 1
#define PR_SET_CHILD_SUBREAPER_ 36
#define TIOCSWINSZ_ 0x5414
#define TIOCGPTPEER_ 0x5441

#define MOST_CLIENTS 500
#define MOST_INPUT 4096
#define MESSAGE_HEAD 16
#define FRAME_HEAD 16
#define MOST_FRAME 32768
#define STREAM_NOTE 3
#define MILLISECOND 1000000ull
#define SECOND 1000000000ull
/* docker's: the pause doubles, and a run of ten seconds is a success. */
#define FIRST_PAUSE (100 * MILLISECOND)
#define LONGEST_PAUSE (60 * SECOND)
#define GOOD_RUN (10 * SECOND)
#define LAST_READING (10 * SECOND)
#define MOST_FREEZE_TRIES 2000
#define MOST_LOCK_TRIES 2000

enum { OUTPUTS = 2 };

struct client {
  int fd;
  int blocked; /* what it has for the container's input has no room yet */
};

static struct {
  struct machine *machine;
  struct monitor_options options;
  char id[65];
  struct status_record status;
  int64_t slots[PLAN_SLOTS];

  int log;
  uint64_t log_size, lost_bytes;

  int listener, children;
  int child_signals; /* where orphans come to us */
  int user_namespace; /* of the last run, where it takes that to remove what it has written */
  int nowhere; /* /dev/null: holds 0, 1 and 2 while no run needs them */
  struct client clients[MOST_CLIENTS];
  int client_count;

  /* The present run. */
  int64_t pid; /* 0: none */
  int pidfd, channel, master, slave, input;
  int outputs[OUTPUTS];
  int unfinished[OUTPUTS]; /* the last byte was no newline */
  int failed, frozen;

  int abandoned;  /* whoever started us is gone */
  int end_wanted; /* somebody wants it to end: no restart */
  int input_end_wanted;
  uint64_t kill_at, restart_at; /* CLOCK_MONOTONIC; 0: never */
  uint64_t run_began, pause;

  uint8_t pending[MOST_INPUT];
  size_t pending_length;
} m;

static uint8_t frame[FRAME_HEAD + MOST_FRAME + 4];

static uint64_t now(int clock) {
  struct __kernel_timespec time = {0, 0};
  sys(__NR_clock_gettime, clock, &time);
  return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}
#define CLOCK_REALTIME_ 0
#define CLOCK_MONOTONIC_ 1

static void close_fd(int *fd) {
  if (*fd >= 0) sys(__NR_close, *fd);
  *fd = -1;
}

/* ── text ── */

static char *add_text(char *to, const char *text) {
  while (*text) *to++ = *text++;
  return to;
}

static char *add_number(char *to, uint64_t value, int digits) {
  char reversed[20];
  int count = 0;
  do {
    reversed[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value || count < digits);
  while (count) *to++ = reversed[--count];
  return to;
}

/* ── status and events ── */

static void write_status(uint32_t state) {
  m.status.magic = STATUS_MAGIC;
  m.status.state = state;
  m.status.sequence_again = ++m.status.sequence;
  sys(__NR_pwrite64, FD_STATUS, &m.status, sizeof m.status, 0);
}

static void write_event(const char *action, const char *key, uint64_t value) {
  char line[256];
  uint64_t time = now(CLOCK_REALTIME_);
  char *end = add_number(line, time / SECOND, 1);
  end = add_text(end, ".");
  end = add_number(end, time % SECOND, 9);
  end = add_text(end, " ");
  end = add_text(end, m.id);
  end = add_text(end, " ");
  end = add_text(end, action);
  if (key) {
    end = add_text(end, " ");
    end = add_text(end, key);
    end = add_text(end, "=");
    end = add_number(end, value, 1);
  }
  *end++ = '\n';
  long file = sys(__NR_openat, AT_FDCWD, "../../events", O_WRONLY_ | O_CREAT_ | O_APPEND_ | O_CLOEXEC_, 0600);
  if (file < 0) return;
  sys(__NR_write, file, line, end - line);
  sys(__NR_close, file);
}

/* ── log ── */

static void open_log(void) {
  long file = sys(__NR_openat, AT_FDCWD, "log", O_WRONLY_ | O_CREAT_ | O_APPEND_ | O_CLOEXEC_, 0600);
  m.log = file < 0 ? -1 : (int)file;
  long end = file < 0 ? 0 : sys(__NR_lseek, file, 0, SEEK_END_);
  m.log_size = end > 0 ? (uint64_t)end : 0;
}

static void log_name(char *to, uint32_t number) {
  char *end = add_text(to, "log");
  if (number) end = add_number(add_text(end, "."), number, 1);
  *end = 0;
}

static void rotate_log(void) {
  close_fd(&m.log);
  for (uint32_t number = m.options.log_files - 1; number > 0; number--) {
    char from[16], to[16];
    log_name(from, number - 1);
    log_name(to, number);
    sys(__NR_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  }
  if (m.options.log_files <= 1) sys(__NR_unlinkat, AT_FDCWD, "log", 0);
  open_log();
}

/* The data stands at frame + FRAME_HEAD. Whole or not at all: what the disk has no room for is counted instead. */
static void write_frame(uint8_t stream, uint32_t length) {
  if (m.log < 0) open_log(); /* there was no room for it, or no descriptor */
  if (m.log_size >= m.options.log_bytes) rotate_log();
  uint64_t time = now(CLOCK_REALTIME_);
  memcpy(frame, &length, 4);
  frame[4] = stream;
  frame[5] = 0;
  frame[6] = 0x4c;
  frame[7] = 0x57;
  memcpy(frame + 8, &time, 8);
  memcpy(frame + FRAME_HEAD + length, &length, 4);
  uint64_t whole = FRAME_HEAD + length + 4;
  long written = m.log < 0 ? -EBADF : sys(__NR_write, m.log, frame, whole);
  if (written == (long)whole) {
    m.log_size += whole;
    return;
  }
  if (written > 0) sys(__NR_ftruncate, m.log, m.log_size);
  if (stream != STREAM_NOTE) m.lost_bytes += length;
}

static void write_lost_note(void) {
  if (!m.lost_bytes) return;
  uint64_t lost = m.lost_bytes;
  char *end = add_text((char *)frame + FRAME_HEAD, "lost ");
  end = add_number(end, lost, 1);
  end = add_text(end, " bytes: no room for the log");
  uint64_t before = m.log_size;
  write_frame(STREAM_NOTE, (uint32_t)(end - (char *)frame - FRAME_HEAD));
  if (m.log_size != before) m.lost_bytes = 0;
}

static void write_note(const char *text) {
  char *end = add_text((char *)frame + FRAME_HEAD, text);
  write_frame(STREAM_NOTE, (uint32_t)(end - (char *)frame - FRAME_HEAD));
}

/* Returns 0 when there is no more for now, -1 at the end. */
static int log_output(int fd, uint8_t stream) {
  long length = sys(__NR_read, fd, frame + FRAME_HEAD, MOST_FRAME);
  if (length == -EAGAIN || length == -EINTR) return 0;
  if (length <= 0) return -1;
  if (m.lost_bytes) {
    /* The note comes before what follows the gap, and the frame is one buffer. */
    static uint8_t kept[MOST_FRAME];
    memcpy(kept, frame + FRAME_HEAD, (size_t)length);
    write_lost_note();
    memcpy(frame + FRAME_HEAD, kept, (size_t)length);
  }
  write_frame(stream, (uint32_t)length);
  m.unfinished[stream - 1] = frame[FRAME_HEAD + length - 1] != '\n';
  return 1;
}

/* An empty frame ends a line that the run has left unfinished: the next run's is another one. */
static void finish_lines(void) {
  for (int i = 0; i < OUTPUTS; i++) {
    if (m.unfinished[i]) write_frame((uint8_t)(i + 1), 0);
    m.unfinished[i] = 0;
  }
}

static void drain_output(int *fd, uint8_t stream) {
  if (*fd < 0) return;
  int more;
  do more = log_output(*fd, stream);
  while (more > 0);
  if (more < 0) close_fd(fd);
}

/* ── clients ── */

static void drop_client(int index) {
  close_fd(&m.clients[index].fd);
  m.clients[index] = m.clients[--m.client_count];
}

/*
 * A client that does not listen is let go: nobody waits for it. It is dropped when its end is read: here, somebody may be
 * in the middle of the list.
 */
static void tell(int index, const struct message *message, int fd) {
  long sent = send_message(m.clients[index].fd, message, fd);
  if (sent < 0) sys(__NR_shutdown, m.clients[index].fd, 2 /* SHUT_RDWR */);
}

static void tell_all(const struct message *message, int fd) {
  for (int i = 0; i < m.client_count; i++) tell(i, message, fd);
}

static int is_executing(void) { return m.pid > 0 && m.channel < 0 && !m.failed; }

static struct message hello(void) {
  struct message message = {.type = MSG_RUNNING, .a = is_executing() ? (int32_t)m.pid : 0, .b = (int32_t)m.status.state};
  return message;
}

static void accept_clients(void) {
  while (m.client_count < MOST_CLIENTS) {
    long fd = sys(__NR_accept4, m.listener, 0, 0, O_NONBLOCK_ | O_CLOEXEC_);
    if (fd < 0) return;
    m.clients[m.client_count++] = (struct client){(int)fd, 0};
    struct message message = hello();
    tell(m.client_count - 1, &message, is_executing() ? m.pidfd : -1);
  }
}

/* ── what clients ask for ── */

static void flush_input(void) {
  int to = m.master >= 0 ? m.master : m.input;
  if (m.pending_length && to >= 0) {
    long written = sys(__NR_write, to, m.pending, m.pending_length);
    if (written == -EAGAIN || written == -EINTR) return;
    if (written > 0 && (size_t)written < m.pending_length) {
      memcpy(m.pending, m.pending + written, m.pending_length - (size_t)written);
      m.pending_length -= (size_t)written;
      return;
    }
  }
  /* Written, or nobody will ever read it. */
  m.pending_length = 0;
  for (int i = 0; i < m.client_count; i++) m.clients[i].blocked = 0;
  if (m.input_end_wanted) close_fd(&m.input);
}

static long open_in_group(const struct group *group, const char *file, long flags) {
  char path[64 + 24];
  char *end = add_text(path, group->name);
  end = add_text(end, "/");
  end = add_text(end, file);
  *end = 0;
  return sys(__NR_openat, group->parent, path, flags | O_CLOEXEC_, 0);
}

static int begins_with(const char *text, const char *word) {
  while (*word)
    if (*text++ != *word++) return 0;
  return 1;
}

/* cgroup v1's freezer: the state is reached when it is read, not when it is written, and may take several attempts. */
static long freeze_v1(long file, int wanted) {
  const char *word = wanted ? "FROZEN" : "THAWED";
  for (int tries = 0; tries < MOST_FREEZE_TRIES; tries++) {
    long written = sys(__NR_pwrite64, file, word, 6, 0);
    if (written < 0) return written;
    char state[16] = {0};
    sys(__NR_pread64, file, state, sizeof state - 1, 0);
    if (begins_with(state, word)) return 0;
    struct __kernel_timespec pause = {0, tries < 20 ? 50000 : MILLISECOND};
    sys(__NR_ppoll, 0, 0, &pause, 0, 8);
  }
  if (wanted) sys(__NR_pwrite64, file, "THAWED", 6, 0);
  return -EBUSY;
}

/* cgroup v2: cgroup.events says "frozen 1" when the last of them has stopped. */
static long freeze_v2(const struct group *group, long file, int wanted) {
  long written = sys(__NR_write, file, wanted ? "1" : "0", 1);
  if (written < 0 || !wanted) return written < 0 ? written : 0;
  long events = open_in_group(group, "cgroup.events", O_RDONLY_);
  long result = -EBUSY;
  for (int tries = 0; events >= 0 && tries < MOST_FREEZE_TRIES && result; tries++) {
    char text[128] = {0};
    sys(__NR_pread64, events, text, sizeof text - 1, 0);
    for (char *at = text; *at; at++)
      if (begins_with(at, "frozen 1")) result = 0;
    struct __kernel_timespec pause = {0, tries < 20 ? 50000 : MILLISECOND};
    if (result) sys(__NR_ppoll, 0, 0, &pause, 0, 8);
  }
  if (events >= 0) sys(__NR_close, events);
  if (result) sys(__NR_write, file, "0", 1);
  return result;
}

static long freeze(int wanted) {
  if (!is_executing()) return -ESRCH;
  if (wanted == m.frozen) return 0;
  long result = -ENODEV;
  for (int i = 0; i < m.machine->group_count && result == -ENODEV; i++) {
    struct group *group = &m.machine->groups[i];
    long file = open_in_group(group, "freezer.state", O_RDWR_);
    if (file >= 0) {
      result = freeze_v1(file, wanted);
    } else {
      file = open_in_group(group, "cgroup.freeze", O_WRONLY_);
      if (file >= 0) result = freeze_v2(group, file, wanted);
    }
    if (file >= 0) sys(__NR_close, file);
  }
  if (result < 0) return result;
  m.frozen = wanted;
  write_status(wanted ? STATUS_PAUSED : STATUS_RUNNING);
  return 0;
}

static long send_signal(int number) {
  if (!is_executing()) return -ESRCH;
  long result = sys(__NR_pidfd_send_signal, m.pidfd, number, 0, 0);
  /* Frozen by cgroup v1, it does not even die of SIGKILL. */
  if (result == 0 && number == SIGKILL && m.frozen) freeze(0);
  return result;
}

/* ── a run ── */

static int make_pipe(int ends[2], int ours) {
  if (sys(__NR_pipe2, ends, O_CLOEXEC_) < 0) return -1;
  sys(__NR_fcntl, ends[ours], F_SETFL_, O_NONBLOCK_);
  return 0;
}

/* Puts the command's streams at 0, 1 and 2, which are the stage's too; ours stay above. */
static long open_streams(void) {
  int theirs[3] = {m.nowhere, m.nowhere, m.nowhere};
  int ends[2];
  if (!m.options.terminal) {
    if (m.options.open_input && make_pipe(ends, 1) == 0) {
      theirs[0] = ends[0];
      m.input = ends[1];
    }
    for (int i = 0; i < OUTPUTS; i++) {
      if (make_pipe(ends, 0) < 0) return -EMFILE;
      m.outputs[i] = ends[0];
      theirs[i + 1] = ends[1];
    }
  }
  for (int i = 0; i < 3; i++) {
    long placed = sys(__NR_dup3, theirs[i], i, 0);
    if (placed < 0) return placed;
  }
  for (int i = 0; i < 3; i++)
    if (theirs[i] != m.nowhere) sys(__NR_close, theirs[i]);
  return 0;
}

static int is_resident(int fd) {
  if (fd < 3 || fd == m.nowhere || fd == FD_DIRECTORY || fd == FD_STATUS || fd == m.log || fd == m.listener || fd == m.children || fd == m.child_signals || fd == m.user_namespace)
    return 1;
  if (fd == FD_CONTROL && !m.abandoned) return 1;
  if (fd == FD_NETWORK && m.options.network) return 1;
  for (int i = 0; i < m.client_count; i++)
    if (m.clients[i].fd == fd) return 1;
  return 0;
}

/* Whatever a run has opened is closed with it. */
static void close_run(void) {
  int highest = MOST_CLIENTS + 32;
  for (int i = 0; i < m.client_count; i++)
    if (m.clients[i].fd > highest) highest = m.clients[i].fd;
  if (m.log > highest) highest = m.log;
  for (int fd = 0; fd <= highest; fd++)
    if (!is_resident(fd)) sys(__NR_close, fd);
  sys(__NR_close_range, highest + 1, ~0u, 0);
  m.pidfd = m.channel = m.master = m.slave = m.input = m.outputs[0] = m.outputs[1] = -1;
}

static void tell_starter(const struct message *message, int fd) {
  if (!m.abandoned) send_message(FD_CONTROL, message, fd);
}

/* The start failed. Its starter is told when nothing of it is left, by the end of this process. */
static void note_failure(int32_t op, int32_t error) {
  m.failed = 1;
  m.status.failed_op = op;
  m.status.failed_errno = error;
  struct message message = {.type = MSG_FAILED, .a = op, .b = error};
  if (!m.abandoned) send_note(m.machine, FD_CONTROL);
  tell_starter(&message, -1);
}

/* Returns 0 in the stage, and 1 outside: m.pid is the process inside then, or m.failed is set. */
static long begin_run(void) {
  struct machine *machine = m.machine;
  memcpy(machine->slots, m.slots, sizeof m.slots);
  machine->child = 0;
  machine->group_count = 0;
  machine->failed_op = machine->failed_errno = 0;
  machine->note_length = 0;
  machine->pidfd = machine->channel = -1;
  machine->companion.pid = 0;
  m.failed = m.frozen = 0;
  m.pending_length = 0;
  m.input_end_wanted = 0;
  m.kill_at = m.restart_at = 0;
  m.run_began = now(CLOCK_MONOTONIC_);
  m.status.failed_op = m.status.failed_errno = 0;

  long error = open_streams();
  long stage = error < 0 ? error : sys(__NR_clone, SIGCHLD | 0x400 /* CLONE_FILES */, 0, 0, 0, 0);
  if (stage == 0) {
    sys(__NR_prctl, PR_SET_PDEATHSIG_, SIGKILL, 0, 0, 0);
    /* Before that, its death would not have been ours. */
    if (sys(__NR_getppid, 0) != m.status.monitor_pid) leave(125);
    machine->is_stage = 1;
    return 0;
  }
  if (stage < 0) {
    note_failure(0, (int32_t)-stage);
    return 1;
  }
  while (sys(__NR_wait4, stage, 0, __WALL, 0) == -EINTR) {
  }
  /* On the page that is shared: from here on it is us again. */
  machine->is_stage = 0;
  /* The command's ends of its streams are its own now: their end must be seen. */
  for (int i = 0; i < 3; i++) sys(__NR_dup3, m.nowhere, i, 0);
  if (machine->channel < 0) {
    /* It has failed, and has ended the process inside and the groups; or somebody has killed it. */
    note_failure(machine->failed_op, machine->failed_errno ? machine->failed_errno : EINTR);
    if (machine->child > 0) {
      sys(__NR_kill, machine->child, SIGKILL);
      sys(__NR_wait4, machine->child, 0, __WALL, 0);
    }
    end_companion(machine);
    end_groups(machine);
    return 1;
  }
  if (machine->companion.pid && m.child_signals < 0) m.child_signals = watch_children();
  m.pid = machine->child;
  m.pidfd = machine->pidfd;
  m.channel = machine->channel;
  return 1;
}

/* Root removes what it likes. */
static void keep_user_namespace(void) {
  if (!m.options.remove || sys(__NR_geteuid, 0) == 0) return;
  char path[40];
  *add_text(add_number(add_text(path, "/proc/"), (uint64_t)m.pid, 1), "/ns/user") = 0;
  close_fd(&m.user_namespace);
  m.user_namespace = (int)sys(__NR_openat, AT_FDCWD, path, O_RDONLY_ | O_CLOEXEC_, 0);
}

static void now_executing(void) {
  close_fd(&m.channel);
  keep_user_namespace();
  m.status.pid = (int32_t)m.pid;
  m.status.started_ns = now(CLOCK_REALTIME_);
  write_status(STATUS_RUNNING);
  write_event("start", 0, 0);
  struct message running = hello();
  tell_starter(&running, m.pidfd);
  tell_all(&running, m.pidfd);
}

static void drain_channel(void) {
  for (;;) {
    struct packet packet;
    receive(m.channel, &packet);
    if (packet.length == -EAGAIN) return;
    if (packet.length <= 0) break;
    if (packet.message.type == MSG_FAILED) note_failure(packet.message.a, packet.message.b);
    if (packet.message.type == MSG_TERMINAL && packet.fd >= 0) {
      m.master = packet.fd;
      sys(__NR_fcntl, m.master, F_SETFL_, O_RDWR_ | O_NONBLOCK_);
      /* Held, so that the master does not hang up whenever nobody in the container has the terminal open. */
      long slave = sys(__NR_ioctl, m.master, TIOCGPTPEER_, O_RDWR_ | O_NOCTTY_ | O_CLOEXEC_);
      m.slave = slave < 0 ? -1 : (int)slave;
      continue;
    }
    if (packet.fd >= 0) sys(__NR_close, packet.fd);
  }
  /* Closed by execve (every descriptor of ours is close-on-exec), or by death. */
  if (m.failed) close_fd(&m.channel);
  else now_executing();
}

/* Without effect on a command that executes already, whether or not we have heard of it. */
static void cancel_start(void) {
  if (m.channel < 0) return;
  drain_channel();
  if (m.channel < 0) return;
  note_failure(0, ECANCELED); /* its end is not to be taken for an execve */
  sys(__NR_pidfd_send_signal, m.pidfd, SIGKILL, 0, 0);
}

static void serve_starter(void) {
  struct packet packet;
  receive(FD_CONTROL, &packet);
  if (packet.fd >= 0) sys(__NR_close, packet.fd);
  if (packet.length > 0) {
    if (packet.message.type == MSG_CANCEL) cancel_start();
  } else if (packet.length != -EAGAIN) {
    /* Whoever started us is gone. The container does not mind. */
    m.abandoned = 1;
    sys(__NR_close, FD_CONTROL);
  }
}

/* ── requests ── */

static long begin_stop(int number, int timeout_ms) {
  m.end_wanted = 1;
  if (m.restart_at) {
    m.restart_at = 1; /* now; and then not at all */
    return 0;
  }
  if (!is_executing()) {
    cancel_start();
    return 0;
  }
  if (m.frozen) freeze(0);
  long result = send_signal(number);
  if (timeout_ms >= 0) m.kill_at = now(CLOCK_MONOTONIC_) + (uint64_t)timeout_ms * MILLISECOND;
  return result;
}

/* In place of the plan that it was started with; the present run goes on as it is. */
static long take_plan(void) {
  struct machine *machine = m.machine;
  long file = sys(__NR_openat, AT_FDCWD, "plan", O_RDONLY_ | O_NOFOLLOW | O_CLOEXEC_, 0);
  if (file < 0) return file;
  sys(__NR_unlinkat, AT_FDCWD, "plan", 0);
  long result = map_plan(machine, (int)file);
  sys(__NR_close, file);
  if (result < 0) return result;
  /* Its first op is ours: see monitor(). */
  const struct monitor_options *options = (const struct monitor_options *)(machine->data + machine->ops[0].args[0]);
  m.options.restart = options->restart;
  m.options.most_restarts = options->most_restarts;
  sys(__NR_madvise, machine->mapping, machine->mapping_length, MADV_DONTNEED);
  return 0;
}

static void answer(int index, long result) {
  struct message message = {.type = MSG_ANSWER, .a = (int32_t)-result};
  tell(index, &message, -1);
}

/* Returns 0 when there is nothing more to be read for now. */
static int serve(int index) {
  struct {
    struct message message;
    uint8_t rest[MOST_INPUT];
  } packet;
  int fd = m.clients[index].fd;
  /* Looked at first: input without room stays where it is, and its sender waits. */
  long length = sys(__NR_recvfrom, fd, &packet.message, sizeof packet.message, MSG_PEEK_ | MSG_DONTWAIT_, 0, 0);
  if (length == -EAGAIN || length == -EINTR) return 0;
  if (length < MESSAGE_HEAD) {
    drop_client(index);
    return 0;
  }
  int is_input = packet.message.type == MSG_INPUT;
  if (is_input && m.pending_length) {
    m.clients[index].blocked = 1;
    return 0;
  }
  length = sys(__NR_recvfrom, fd, &packet, sizeof packet, MSG_DONTWAIT_, 0, 0);
  if (length < MESSAGE_HEAD) return 0;
  const struct message *message = &packet.message;
  switch (message->type) {
    case MSG_SIGNAL:
      if (message->b) m.end_wanted = 1;
      if (message->b && m.restart_at) {
        m.restart_at = 1; /* there is nobody to be signalled: it ends now */
        answer(index, 0);
        break;
      }
      answer(index, send_signal(message->a));
      break;
    case MSG_STOP:
      answer(index, begin_stop(message->a, message->b));
      break;
    case MSG_INPUT: {
      size_t count = (size_t)length - MESSAGE_HEAD;
      if (count > MOST_INPUT) count = MOST_INPUT;
      memcpy(m.pending, (uint8_t *)&packet + MESSAGE_HEAD, count);
      m.pending_length = count;
      flush_input();
      break;
    }
    case MSG_INPUT_END:
      m.input_end_wanted = 1;
      if (!m.pending_length) flush_input();
      break;
    case MSG_RESIZE: {
      uint16_t size[4] = {(uint16_t)message->a, (uint16_t)message->b, 0, 0};
      if (m.master >= 0) sys(__NR_ioctl, m.master, TIOCSWINSZ_, size);
      break;
    }
    case MSG_FREEZE:
      answer(index, freeze(message->a != 0));
      break;
    case MSG_PLAN:
      answer(index, take_plan());
      break;
    default:
      answer(index, -ENOSYS);
  }
  return 1;
}

static int exit_code(int status) { return status & 0x7f ? 128 + (status & 0x7f) : (status >> 8) & 0xff; }

static int is_restart_due(void) {
  if (m.end_wanted || m.failed) return 0;
  switch (m.options.restart) {
    case RESTART_ALWAYS:
      return 1;
    case RESTART_ON_FAILURE:
      return exit_code(m.status.wait_status) != 0 && (!m.options.most_restarts || m.status.restarts < m.options.most_restarts);
    default:
      return 0;
  }
}

/* The process inside has been reaped. */
static void end_run(int status, const struct usage *usage) {
  m.pid = 0;
  end_companion(m.machine);
  if (m.children >= 0) end_orphans(m.children);
  int was_started = !m.failed;
  int kills = end_groups(m.machine);
  for (int i = 0; i < OUTPUTS; i++) drain_output(&m.outputs[i], (uint8_t)(i + 1));
  drain_output(&m.master, 1);
  write_lost_note();
  finish_lines();
  close_run();
  m.status.pid = 0;
  if (!was_started) return;
  m.status.wait_status = status;
  m.status.oom_kills = (uint32_t)kills;
  m.status.finished_ns = now(CLOCK_REALTIME_);
  m.status.user_us = usage->user_us;
  m.status.system_us = usage->system_us;
  m.status.max_rss_bytes = usage->max_rss_bytes;
  if (kills) write_event("oom", 0, 0);
}

static void schedule_restart(void) {
  uint64_t time = now(CLOCK_MONOTONIC_);
  if (!m.pause || time - m.run_began >= GOOD_RUN) m.pause = FIRST_PAUSE;
  else if (m.pause < LONGEST_PAUSE) m.pause = m.pause * 2 < LONGEST_PAUSE ? m.pause * 2 : LONGEST_PAUSE;
  m.restart_at = time + m.pause;
}

/* ── the loop ── */

static int64_t next_wait(void) {
  uint64_t at = m.kill_at && (!m.restart_at || m.kill_at < m.restart_at) ? m.kill_at : m.restart_at;
  if (!at) return -1;
  uint64_t time = now(CLOCK_MONOTONIC_);
  return at > time ? (int64_t)(at - time) : 0;
}

static void poll_once(void) {
  struct pollfd watched[9 + MOST_CLIENTS];
  int count = 0;
  /* A negative descriptor is passed over by poll(2), and keeps its place. */
  watched[count++] = (struct pollfd){m.abandoned ? -1 : FD_CONTROL, POLLIN, 0};
  watched[count++] = (struct pollfd){m.pid ? m.channel : -1, POLLIN, 0};
  watched[count++] = (struct pollfd){m.pid ? m.pidfd : -1, POLLIN, 0};
  watched[count++] = (struct pollfd){m.outputs[0], POLLIN, 0};
  watched[count++] = (struct pollfd){m.outputs[1], POLLIN, 0};
  int input = m.master >= 0 ? m.master : m.input;
  watched[count++] = (struct pollfd){m.master, POLLIN, 0};
  watched[count++] = (struct pollfd){m.pending_length ? input : -1, POLLOUT, 0};
  watched[count++] = (struct pollfd){m.client_count < MOST_CLIENTS ? m.listener : -1, POLLIN, 0};
  watched[count++] = (struct pollfd){m.child_signals, POLLIN, 0};
  int first = count;
  int clients = m.client_count;
  for (int i = 0; i < clients; i++)
    /* One that waits for room is heard again when there is; its end is heard in any case. */
    watched[count++] = (struct pollfd){m.clients[i].fd, m.clients[i].blocked ? 0 : POLLIN, 0};

  int64_t wait = next_wait();
  struct __kernel_timespec timeout = {wait / (int64_t)SECOND, wait % (int64_t)SECOND};
  if (sys(__NR_ppoll, watched, count, wait < 0 ? 0 : &timeout, 0, 8) < 0) return;

  if (watched[1].revents) drain_channel();
  if (watched[0].revents) serve_starter();
  for (int i = 0; i < OUTPUTS; i++)
    if (watched[3 + i].revents && m.outputs[i] >= 0 && log_output(m.outputs[i], (uint8_t)(i + 1)) < 0) close_fd(&m.outputs[i]);
  if (watched[5].revents && m.master >= 0 && log_output(m.master, 1) < 0) close_fd(&m.master);
  if (watched[6].revents && m.pending_length) flush_input();
  for (int i = clients - 1; i >= 0; i--) {
    if (!watched[first + i].revents) continue;
    if (m.clients[i].blocked && (watched[first + i].revents & (POLLHUP | POLLERR))) drop_client(i);
    else serve(i);
  }
  if (watched[7].revents) accept_clients();

  if (m.kill_at && now(CLOCK_MONOTONIC_) >= m.kill_at) {
    m.kill_at = 0;
    send_signal(SIGKILL);
  }
  if (watched[8].revents) {
    reap_orphans(m.child_signals, m.pid);
    if (m.pid && mend_companion(m.machine) < 0) write_note("the program that connects its network has ended, and cannot be started again");
  }
  if (watched[2].revents && m.pid) {
    int status = 0;
    struct usage usage;
    if (reap(m.pid, &status, &usage) == m.pid) end_run(status, &usage);
  }
}

/* ── the end ── */

/* As `warren rm`: out of the list in one step, then piece by piece. What is left undone, `warren gc` does. */
static void remove_container(void) {
  long lock = sys(__NR_openat, AT_FDCWD, "lock", O_RDWR_ | O_CREAT_ | O_CLOEXEC_, 0600);
  if (lock < 0) return;
  /* Whoever started it may be about to let go. */
  for (int tries = 0; sys(__NR_flock, lock, LOCK_EX_NB_) < 0; tries++) {
    if (tries == MOST_LOCK_TRIES) return;
    struct __kernel_timespec pause = {0, MILLISECOND};
    sys(__NR_ppoll, 0, 0, &pause, 0, 8);
  }
  char name[300] = {0}, target[80] = {0}, from[80], to[80];
  /* `name` is a link to the link in names/, which is ours only as long as it leads here. */
  long length = sys(__NR_readlinkat, AT_FDCWD, "name", name, sizeof name - 1);
  *add_text(add_text(from, "../"), m.id) = 0;
  *add_text(add_text(to, "../../removing/"), m.id) = 0;
  /* Shared: who collects garbage there leaves what is somebody's. */
  long working = sys(__NR_openat, AT_FDCWD, "../../removing", O_RDONLY_ | O_DIRECTORY | O_CLOEXEC_, 0);
  if (working < 0 || sys(__NR_flock, working, LOCK_SH_) < 0) return;
  if (sys(__NR_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0) < 0) return;
  /* One at a time: a name that leads nowhere may be taken by another, and must not be removed after that. */
  long names = sys(__NR_openat, AT_FDCWD, "../../names", O_RDONLY_ | O_DIRECTORY | O_CLOEXEC_, 0);
  if (names >= 0) sys(__NR_flock, names, LOCK_EX_);
  if (length > 0 && sys(__NR_readlinkat, AT_FDCWD, name, target, sizeof target - 1) == 64) {
    int same = 1;
    for (int i = 0; i < 64; i++) same &= target[i] == m.id[i];
    if (same) sys(__NR_unlinkat, AT_FDCWD, name, 0);
  }
  if (names >= 0) sys(__NR_close, names);
  write_event("destroy", 0, 0);
  /* What a user's container has written as others than root belongs to ids that are the user's only in there. */
  if (remove_tree(AT_FDCWD, to) < 0 && m.user_namespace >= 0 && sys(__NR_setns, m.user_namespace, CLONE_NEWUSER_) == 0)
    remove_tree(AT_FDCWD, to);
}

/* Its output is read from its directory: whoever stays with it has time for that, others who are connected a while. */
static void await_readers(void) {
  close_fd(&m.listener);
  while (m.options.attended && !m.abandoned) poll_once();
  m.restart_at = now(CLOCK_MONOTONIC_) + LAST_READING;
  while (m.client_count && now(CLOCK_MONOTONIC_) < m.restart_at) poll_once();
}

static __attribute__((noreturn)) void finish(void) {
  sys(__NR_unlinkat, AT_FDCWD, "socket", 0);
  if (m.options.remove && !m.failed) {
    await_readers();
    remove_container();
  }
  leave(0);
}

/* ── from the beginning ── */

static long open_listener(void) {
  sys(__NR_unlinkat, AT_FDCWD, "socket", 0);
  long fd = sys(__NR_socket, 1 /* AF_UNIX */, SOCK_SEQPACKET_ | O_NONBLOCK_ | O_CLOEXEC_, 0);
  if (fd < 0) return fd;
  struct sockaddr_un address = {.sun_family = 1};
  *add_text(address.sun_path, "socket") = 0;
  long result = sys(__NR_bind, fd, &address, sizeof address.sun_family + 7);
  if (result >= 0) result = sys(__NR_listen, fd, 1024);
  m.listener = (int)fd;
  return result;
}

long monitor(struct machine *machine, const struct monitor_options *options, const char *id) {
  m.machine = machine;
  m.options = *options;
  memcpy(m.id, id, 64);
  memcpy(m.slots, machine->slots, sizeof m.slots);
  m.pidfd = m.channel = m.master = m.slave = m.input = m.outputs[0] = m.outputs[1] = m.log = m.listener = -1;
  m.children = m.child_signals = m.user_namespace = -1;

  long error = sys(__NR_fchdir, FD_DIRECTORY);
  if (error < 0) return error;
  sys(__NR_setsid, 0);
  /* Nobody is waited for, whoever started us included. */
  sys(__NR_fcntl, FD_CONTROL, F_SETFL_, O_RDWR_ | O_NONBLOCK_);
  if (m.options.orphans) {
    sys(__NR_prctl, PR_SET_CHILD_SUBREAPER_, 1, 0, 0, 0);
    m.children = (int)sys(__NR_openat, AT_FDCWD, "/proc/thread-self/children", O_RDONLY_ | O_CLOEXEC_, 0);
    m.child_signals = watch_children();
  }
  error = open_listener();
  if (error < 0) return error;
  /* What it says of earlier runs is kept. */
  sys(__NR_pread64, FD_STATUS, &m.status, sizeof m.status, 0);
  m.status.monitor_pid = (int32_t)sys(__NR_getpid, 0);
  m.status.restarts = 0;
  open_log();
  if (m.log < 0) return -EACCES;
  m.nowhere = (int)sys(__NR_openat, AT_FDCWD, "/dev/null", O_RDWR_ | O_CLOEXEC_, 0);
  if (m.nowhere < 0) return m.nowhere;

  for (int again = 0;; again = 1) {
    if (again) {
      /* As it was before it was ever carried out. */
      relocate(machine);
      m.status.restarts++;
      write_event("restart", 0, 0);
    }
    if (begin_run() == 0) return 0;
    /* Its pages come back from the file when it is carried out again. */
    sys(__NR_madvise, machine->mapping, machine->mapping_length, MADV_DONTNEED);
    while (m.pid) poll_once();
    if (m.failed) {
      close_run();
      write_status(again || m.status.finished_ns ? STATUS_EXITED : STATUS_CREATED);
      finish();
    }
    int restart = is_restart_due();
    if (restart) schedule_restart();
    write_status(restart ? STATUS_RESTARTING : STATUS_EXITED);
    int code = exit_code(m.status.wait_status);
    write_event("die", "exitCode", (uint64_t)code);
    struct message exited = {
        .type = MSG_EXITED,
        .a = m.status.wait_status,
        .b = (int32_t)m.status.oom_kills,
        .c = !restart,
        .user_us = m.status.user_us,
        .system_us = m.status.system_us,
        .max_rss_bytes = m.status.max_rss_bytes,
    };
    tell_starter(&exited, -1);
    tell_all(&exited, -1);
    if (!restart) finish();
    while (now(CLOCK_MONOTONIC_) < m.restart_at) poll_once();
    if (!is_restart_due()) {
      write_status(STATUS_EXITED);
      struct message given_up = exited;
      given_up.c = 1;
      tell_starter(&given_up, -1);
      tell_all(&given_up, -1);
      finish();
    }
    m.restart_at = 0;
  }
}
