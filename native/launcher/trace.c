/*
 * The tracer: a process beside the launcher that writes down which system calls of the command failed for want of a right
 * (EPERM, EACCES), with their arguments as they lay in its memory. What they mean is for who reads the records.
 */
#include "launcher.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/ptrace.h>
#include <linux/signal.h>
#include <linux/wait.h>

#define O_CLOEXEC_ 02000000
#define PAGE 4096u
#define MOST_TASKS 4096
#define GONE (-1)

/* Where records go, once the tracer has closed all else. */
#define FD_RECORDS 0
#define FD_READY 1

struct task {
  int32_t tid; /* 0: free, and so is what comes after it; GONE: free */
  int32_t inside; /* between the entry of a call and its exit */
  struct trace_record call;
};

static struct task *find(struct task *tasks, int32_t tid, int make) {
  struct task *free = 0;
  for (uint32_t i = 0; i < MOST_TASKS; i++) {
    struct task *task = &tasks[((uint32_t)tid + i) % MOST_TASKS];
    if (task->tid == tid) return task;
    if (task->tid <= 0 && !free) free = task;
    if (task->tid == 0) break;
  }
  if (!make || !free) return 0;
  free->tid = tid;
  free->inside = 0;
  return free;
}

static int is_watched(const uint8_t *watched, uint64_t nr) {
  return nr < TRACE_WATCHED * 8 && (watched[nr / 8] >> (nr % 8) & 1);
}

/* As much of a page and the next as there is: an argument that is no address has nothing. */
static uint32_t read_memory(int32_t tid, uint64_t address, uint8_t *to) {
  struct {
    uint64_t base, length;
  } local = {(uintptr_t)to, TRACE_MEMORY}, remote[2];
  if (address < PAGE) return 0;
  uint64_t left = PAGE - address % PAGE;
  if (left > TRACE_MEMORY) left = TRACE_MEMORY;
  remote[0].base = address;
  remote[0].length = left;
  remote[1].base = address + left;
  remote[1].length = TRACE_MEMORY - left;
  long length = sys(__NR_process_vm_readv, tid, &local, 1, remote, left < TRACE_MEMORY ? 2 : 1, 0);
  return length > 0 ? (uint32_t)length : 0;
}

/* /proc may be hidden from us, or not be there: then it has no name. */
static void read_name(int32_t tid, uint8_t *name) {
  char path[32] = "/proc/", digits[12];
  int at = 6, count = 0;
  for (int32_t rest = tid; rest; rest /= 10) digits[count++] = (char)('0' + rest % 10);
  while (count) path[at++] = digits[--count];
  memcpy(path + at, "/comm", 6);
  memset(name, 0, TRACE_NAME);
  long file = sys(__NR_openat, -100 /* AT_FDCWD */, path, O_CLOEXEC_, 0);
  if (file < 0) return;
  long length = sys(__NR_read, file, name, TRACE_NAME);
  if (length > 0 && name[length - 1] == '\n') name[length - 1] = 0;
  sys(__NR_close, file);
}

static void look(struct trace_record *call) {
  read_name(call->tid, call->name);
  for (int i = 0; i < TRACE_POINTERS; i++) call->length[i] = read_memory(call->tid, call->args[i], call->memory[i]);
}

static void tell(const struct trace_record *call) {
  /* Shorter than PIPE_BUF: all of it, or nothing. Without a reader there is nothing to trace for. */
  long written;
  do {
    written = sys(__NR_write, FD_RECORDS, call, sizeof *call);
  } while (written == -EINTR);
  if (written != sizeof *call) leave(1);
}

static void at_call(struct task *tasks, int32_t tid, const uint8_t *watched) {
  struct ptrace_syscall_info info;
  if (sys(__NR_ptrace, PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) <= 0) return;
  struct task *task = find(tasks, tid, info.op == PTRACE_SYSCALL_INFO_ENTRY);
  if (!task) return;
  struct trace_record *call = &task->call;
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
    task->inside = 1;
    call->tid = tid;
    call->arch = info.arch;
    call->nr = info.entry.nr;
    for (int i = 0; i < 6; i++) call->args[i] = info.entry.args[i];
    /* An execve that succeeds leaves nothing to be looked at afterwards. */
    if (is_watched(watched, call->nr)) look(call);
    return;
  }
  if (info.op != PTRACE_SYSCALL_INFO_EXIT || !task->inside) return;
  task->inside = 0;
  call->result = info.exit.rval;
  int watches = is_watched(watched, call->nr);
  if (!watches && call->result != -EPERM && call->result != -EACCES) return;
  if (!watches) look(call);
  tell(call);
}

static __attribute__((noreturn)) void trace(int32_t traced, const uint8_t *watched) {
  long memory = sys(__NR_mmap, 0, sizeof(struct task) * MOST_TASKS, 3 /* PROT_READ | PROT_WRITE */,
                    0x22 | 0x4000 /* MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE */, -1, 0);
  int32_t answer = memory < 0 && memory > -4096 ? (int32_t)memory : 0;
  long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
                 PTRACE_O_EXITKILL;
  if (!answer) answer = (int32_t)sys(__NR_ptrace, PTRACE_SEIZE, traced, 0, options);
  sys(__NR_write, FD_READY, &answer, sizeof answer);
  sys(__NR_close, FD_READY);
  if (answer) leave(1);

  /* Until the command is executed, what prepares the container runs at its own speed. */
  int started = 0;
  for (;;) {
    int status;
    long tid = sys(__NR_wait4, -1, &status, __WALL, 0);
    if (tid == -EINTR) continue;
    if (tid < 0) leave(0);
    if ((status & 0xff) != 0x7f) {
      struct task *task = find((struct task *)memory, (int32_t)tid, 0);
      if (task) task->tid = GONE;
      continue;
    }
    int signal = status >> 8 & 0xff, event = status >> 16;
    if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
      /* Stopped as a whole, by SIGSTOP and its like: it stays so until SIGCONT. */
      sys(__NR_ptrace, PTRACE_LISTEN, tid, 0, 0);
      continue;
    }
    int is_call = signal == (SIGTRAP | 0x80);
    if (event == PTRACE_EVENT_EXEC) started = 1;
    if (is_call) at_call((struct task *)memory, (int32_t)tid, watched);
    /* Process 1 of a PID namespace is not stopped by those inside, but for a tracer that hands it the signal. */
    int hands_over = !event && !is_call && !(signal == SIGSTOP && tid == traced);
    sys(__NR_ptrace, started ? PTRACE_SYSCALL : PTRACE_CONT, tid, 0, hands_over ? signal : 0);
  }
}

long run_tracer(int records, int32_t traced, const uint8_t *watched) {
  int ends[2];
  long error = sys(__NR_pipe2, ends, O_CLOEXEC_);
  if (error < 0) return error;
  long self = sys(__NR_getpid, 0);
  long tracer = sys(__NR_clone, SIGCHLD, 0, 0, 0, 0);
  if (tracer == 0) {
    /* Ends with the launcher; and with the tracer, by PTRACE_O_EXITKILL, all that it traces. */
    sys(__NR_prctl, 1 /* PR_SET_PDEATHSIG */, SIGKILL, 0, 0, 0);
    if (sys(__NR_getppid, 0) != self) leave(1);
    sys(__NR_dup3, records, FD_RECORDS, 0);
    sys(__NR_dup3, ends[1], FD_READY, 0);
    sys(__NR_close_range, 2, ~0u, 0);
    trace(traced, watched);
  }
  sys(__NR_close, ends[1]);
  sys(__NR_close, records);
  int32_t answer = -ECHILD;
  if (tracer > 0) {
    while (sys(__NR_read, ends[0], &answer, sizeof answer) == -EINTR) {
    }
  }
  sys(__NR_close, ends[0]);
  return tracer < 0 ? tracer : answer;
}
