/*
 * Warren's launcher: executes an encoded plan (plan.h) step by step, and reports the step that failed.
 *
 * It is started by the addon from a sealed memory file, single-threaded, with an empty environment and exactly the
 * descriptors of plan.h. It uses no libc: the resident part of a container is this program, and it should cost pages,
 * not megabytes.
 */
#include "launcher.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/mman.h>
#include <linux/signal.h>
#include <linux/socket.h>
#include <linux/stat.h>
#include <linux/wait.h>

#define AT_EMPTY_PATH 0x1000
#define MSG_NOSIGNAL_ 0x4000
#define EXIT_LAUNCHER 125

void *memset(void *to, int byte, size_t length) {
  uint8_t *at = to;
  while (length--) *at++ = (uint8_t)byte;
  return to;
}

void *memcpy(void *to, const void *from, size_t length) {
  uint8_t *at = to;
  const uint8_t *source = from;
  while (length--) *at++ = *source++;
  return to;
}

/* A seccomp filter may deny even this: then a fault ends us, which no filter stops. */
__attribute__((noreturn)) void leave(int code) {
  sys(__NR_exit_group, code);
  for (;;) __builtin_trap();
}

struct user_iovec {
  void *base;
  size_t length;
};
struct user_msghdr {
  void *name;
  int name_length;
  struct user_iovec *iov;
  size_t iov_length;
  void *control;
  size_t control_length;
  unsigned flags;
};
struct user_cmsg {
  size_t length;
  int level;
  int type;
  int fd;
  int pad;
};

long send_message(int fd, const struct message *message, int passed_fd) {
  struct user_iovec iov = {(void *)message, sizeof *message};
  struct user_cmsg cmsg = {sizeof cmsg - sizeof cmsg.pad, 1 /* SOL_SOCKET */, 1 /* SCM_RIGHTS */, passed_fd, 0};
  struct user_msghdr header = {0, 0, &iov, 1, 0, 0, 0};
  if (passed_fd >= 0) {
    header.control = &cmsg;
    header.control_length = sizeof cmsg;
  }
  long sent;
  do {
    sent = sys(__NR_sendmsg, fd, &header, MSG_NOSIGNAL_);
  } while (sent == -EINTR);
  return sent;
}

static __attribute__((noreturn)) void fail(struct machine *machine, uint32_t index, long error) {
  /* The process inside may be waiting for us, or be busy mounting: it is gone before anybody hears of the failure. */
  if (machine->child > 0) {
    sys(__NR_kill, machine->child, SIGKILL);
    sys(__NR_wait4, machine->child, 0, __WALL, 0);
  }
  end_companion(machine);
  end_groups(machine);
  if (machine->is_stage) {
    machine->failed_op = (int32_t)index;
    machine->failed_errno = (int32_t)-error;
    leave(EXIT_LAUNCHER);
  }
  send_note(machine, (int)machine->slots[SLOT_REPORT]);
  struct message message = {.type = MSG_FAILED, .a = (int32_t)index, .b = (int32_t)-error};
  send_message((int)machine->slots[SLOT_REPORT], &message, -1);
  leave(EXIT_LAUNCHER);
}

static uint64_t argument(struct machine *machine, const struct op *op, int index) {
  uint64_t value = op->args[index];
  switch (op->kind[index]) {
    case ARG_DATA:
      return (uint64_t)(uintptr_t)(machine->data + value);
    case ARG_SLOT:
      return (uint64_t)machine->slots[value];
    default:
      return value;
  }
}

static void write_decimal(char *to, uint64_t value) {
  char digits[20];
  int count = 0;
  do {
    digits[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  while (count) *to++ = digits[--count];
  *to = 0;
}

/* As execvp(3): goes on to the next candidate where there is nothing, remembers that one was there but not allowed. */
static long exec_first(const char *candidates, uint64_t argv, uint64_t envp) {
  long error = -ENOENT;
  for (const char *path = candidates; *path;) {
    long result = sys(__NR_execve, path, argv, envp);
    if (result == -EACCES)
      error = -EACCES;
    else if (result != -ENOENT && result != -ENOTDIR)
      return result;
    while (*path) path++;
    path++;
  }
  return error;
}

static long execute(struct machine *machine, const struct op *op) {
  uint64_t a[6];
  for (int i = 0; i < 6; i++) a[i] = argument(machine, op, i);
  switch (op->code) {
    case OP_CALL:
      return sys(op->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    case OP_SET:
      return (long)a[0];
    case OP_POKE32:
      *(uint32_t *)(uintptr_t)a[0] = (uint32_t)a[1];
      return 0;
    case OP_POKE64:
      *(uint64_t *)(uintptr_t)a[0] = a[1];
      return 0;
    case OP_POKE_TEXT:
      write_decimal((char *)(uintptr_t)a[0], a[1]);
      return 0;
    case OP_PEEK32:
      return (long)*(int32_t *)(uintptr_t)a[0];
    case OP_CHECK:
      return (*(uint64_t *)(uintptr_t)a[0] & a[1]) == a[2] ? 0 : -(long)a[3];
    case OP_MKPATH:
      return make_path((int)a[0], (char *)(uintptr_t)a[1], (int)a[2], (uint32_t)a[3]);
    case OP_EXEC:
      return exec_first((const char *)(uintptr_t)a[0], a[1], a[2]);
    case OP_SUPERVISE:
      supervise(machine, (int64_t)a[0], (int64_t)a[1], (int64_t)a[2], (int64_t)a[3], (int64_t)a[4], (void *)(uintptr_t)a[5]);
    case OP_INIT:
      return become_init((int)a[0], (const void *)(uintptr_t)a[1], (const void *)(uintptr_t)a[2]);
    case OP_EXIT:
      leave((int)a[0]);
    case OP_CGROUP:
      return make_group(machine, (int)a[0], (const char *)(uintptr_t)a[1], (const char *)(uintptr_t)a[2]);
    case OP_MONITOR:
      return monitor(machine, (const struct monitor_options *)(uintptr_t)a[0], (const char *)(uintptr_t)a[1]);
    case OP_HAND_OVER:
      machine->pidfd = (int)a[0];
      machine->channel = (int)a[1];
      leave(0);
    case OP_COLLECT:
      return collect_group((int)a[0], (const char *)(uintptr_t)a[1]);
    case OP_HELPER:
      return run_helper(machine, (const char *)(uintptr_t)a[0], (const void *)(uintptr_t)a[1]);
    case OP_COMPANION:
      return run_companion(machine, (const char *)(uintptr_t)a[0], (const char *const *)(uintptr_t)a[1], (int)a[2], (int)a[3]);
    case OP_TRACE:
      return run_tracer((int)a[0], (int32_t)a[1], (const uint8_t *)(uintptr_t)a[2]);
    case OP_REMOVE:
      return remove_tree((int)a[0], (const char *)(uintptr_t)a[1]);
    default:
      return -ENOSYS;
  }
}

#ifdef WARREN_FAULT
/* Test build only: "WARREN_FAULT=op:errno" makes that op fail without being executed. */
static long fault_op = -1, fault_errno = 0;

static long parse_number(const char **text) {
  long value = 0;
  while (**text >= '0' && **text <= '9') value = value * 10 + (*(*text)++ - '0');
  return value;
}

static void read_fault(char **envp) {
  static const char name[] = "WARREN_FAULT=";
  for (; *envp; envp++) {
    const char *text = *envp;
    size_t i = 0;
    while (name[i] && text[i] == name[i]) i++;
    if (name[i]) continue;
    text += i;
    fault_op = parse_number(&text);
    text++;
    fault_errno = parse_number(&text);
  }
}
#endif

static void run_plan(struct machine *machine) {
  for (uint32_t i = 0; i < machine->op_count; i++) {
    const struct op *op = &machine->ops[i];
    long result;
#ifdef WARREN_FAULT
    if ((long)i == fault_op)
      result = -fault_errno;
    else
#endif
      result = execute(machine, op);
    /* A monitor may have been given another plan meanwhile. */
    op = &machine->ops[i];
    /* Results of OP_SET and OP_PEEK32 are values, and any value is right. */
    int failed = result < 0 && result > -4096 && op->code != OP_SET && op->code != OP_PEEK32;
    if (failed) {
      int tolerated = 0;
      for (int m = 0; m < op->may_count; m++) tolerated |= op->may[m] == (uint16_t)-result;
      if (!tolerated) fail(machine, i, result);
      if (op->store != NO_SLOT) machine->slots[op->store] = result;
      i += (uint32_t)op->may_skip;
      continue;
    }
    int is_inside = result == 0 && op->zero_skip;
    if (is_inside) {
      /* The page is shared with the process outside; from here on each has its own. */
      static struct machine own;
      memcpy(&own, machine, sizeof own);
      machine = &own;
      machine->group_count = 0;
      machine->is_stage = 0;
      machine->child = 0;
      machine->companion.pid = 0;
    }
    if (op->store != NO_SLOT) machine->slots[op->store] = result;
    if (is_inside) {
      i += (uint32_t)op->zero_skip;
    } else {
      if (op->zero_skip) machine->child = result;
      i += op->fine_skip;
    }
  }
}

/* Signals that were ignored stay ignored over an exec; the container must not inherit what Node ignores (SIGPIPE). */
static void reset_signals(void) {
  struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } action = {0, 0, 0, 0};
  for (int n = 1; n <= 64; n++)
    if (n != SIGKILL && n != SIGSTOP) sys(__NR_rt_sigaction, n, &action, 0, 8);
  uint64_t all = ~0ull;
  sys(__NR_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
}

void relocate(struct machine *machine) {
  struct plan_header *header = machine->mapping;
  const uint32_t *relocs = (const uint32_t *)((uint8_t *)machine->mapping + header->relocs_offset);
  for (uint32_t i = 0; i < header->reloc_count; i++)
    *(uint64_t *)(machine->data + relocs[i]) += (uint64_t)(uintptr_t)machine->data;
}

long map_plan(struct machine *machine, int file) {
  struct statx info;
  long error = sys(__NR_statx, file, "", AT_EMPTY_PATH, STATX_SIZE, &info);
  if (error < 0) return error;
  if (info.stx_size < sizeof(struct plan_header)) return -EINVAL;
  long mapped = sys(__NR_mmap, 0, info.stx_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, file, 0);
  if (mapped < 0 && mapped > -4096) return mapped;
  struct plan_header *header = (struct plan_header *)mapped;
  if (header->magic != PLAN_MAGIC) {
    sys(__NR_munmap, mapped, info.stx_size);
    return -EINVAL;
  }
  if (machine->mapping) sys(__NR_munmap, machine->mapping, machine->mapping_length);
  machine->mapping = header;
  machine->mapping_length = info.stx_size;
  machine->ops = (struct op *)(mapped + header->ops_offset);
  machine->op_count = header->op_count;
  machine->data = (uint8_t *)(mapped + header->data_offset);
  machine->data_length = header->data_length;
  return 0;
}

static __attribute__((noreturn, used)) void start(long *stack) {
  /* Shared with children, for a monitor's: they tell it by this what they have made. */
  long page = sys(__NR_mmap, 0, sizeof(struct machine), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page < 0 && page > -4096) leave(EXIT_LAUNCHER);
  struct machine *machine = (struct machine *)page;
  machine->slots[SLOT_REPORT] = FD_CONTROL;
  reset_signals();
#ifdef WARREN_FAULT
  read_fault((char **)(stack + 1 + stack[0] + 1));
#else
  (void)stack;
#endif

  if (map_plan(machine, FD_PLAN) < 0) leave(EXIT_LAUNCHER);
  sys(__NR_close, FD_PLAN);
  relocate(machine);

  run_plan(machine);
  leave(0);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp,%ebp\n\tmov %rsp,%rdi\n\tand $-16,%rsp\n\tcall start\n");
#else
__asm__(".globl _start\n_start:\n\tmov x29,#0\n\tmov x30,#0\n\tmov x0,sp\n\tand sp,x0,#-16\n\tbl start\n");
#endif
