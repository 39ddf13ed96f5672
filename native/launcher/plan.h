/*
 * The encoded plan: what src/plan/encode.ts writes and the launcher executes.
 *
 *   header | ops … | relocations … | data
 *
 * An op is one system call, or one of the few things below that are not a single call. Arguments are numbers, addresses
 * inside `data`, or slots (results kept from earlier calls). A relocation is an offset in `data` of a 64-bit value that
 * is itself an offset in `data`, to be made an address: argv, envp, iovec, sock_fprog. All numbers are little-endian.
 * Nothing here decides anything: which calls, in which order, with which arguments, and which errors do not matter,
 * stands in the plan.
 */
#ifndef WARREN_PLAN_H
#define WARREN_PLAN_H

#include <stdint.h>

#define PLAN_MAGIC 0x314c5057u /* "WPL1" */
#define PLAN_SLOTS 255
#define NO_SLOT 255

/* Descriptors that the addon puts in place before it executes the launcher. */
#define FD_CONTROL 3
#define FD_PLAN 4
#define FD_EXTRA 5
/* For a monitor: the container's directory, and its status file, which is locked. */
#define FD_DIRECTORY 5
#define FD_STATUS 6
#define FD_NETWORK 7 /* its network namespace, where that is to outlive a run */

/* Slot 0 holds the descriptor that failures are reported on. */
#define SLOT_REPORT 0

struct plan_header {
  uint32_t magic;
  uint32_t op_count;
  uint32_t ops_offset;
  uint32_t reloc_count;
  uint32_t relocs_offset;
  uint32_t data_offset;
  uint32_t data_length;
  uint32_t reserved;
};

enum arg_kind { ARG_NUMBER = 0, ARG_DATA = 1, ARG_SLOT = 2 };

enum op_code {
  OP_CALL = 0,      /* nr(args…) → store */
  OP_SET = 1,       /* args[0] → store */
  OP_POKE32 = 2,    /* 32 bits of args[1] at data address args[0] */
  OP_POKE64 = 3,    /* 64 bits of args[1] at data address args[0] */
  OP_POKE_TEXT = 4, /* args[1] in decimal, NUL-terminated, at data address args[0] */
  OP_PEEK32 = 5,    /* 32 bits at data address args[0] → store */
  OP_CHECK = 6,     /* fail with errno args[3] unless (64 bits at data address args[0] & args[1]) == args[2] */
  OP_MKPATH = 7,    /* open args[1] below directory args[0], made if missing; args[2]: 1 = a file; args[3]: mode → store */
  OP_EXEC = 8,      /* execve of each NUL-separated path at args[0] (ends with an empty one) with argv args[1], envp args[2] */
  OP_SUPERVISE = 9, /* stay as the parent: see supervise.c. Does not return. */
  OP_INIT = 10,     /* fork; the parent stays as a small init: supervise.c. Returns in the child. args: 1 = take the terminal, capset(2)'s two */
  OP_EXIT = 11,     /* exit with code args[0] */
  OP_CGROUP = 12,   /* make and lock group args[1] below args[0], removed at the end; args[2]: its file with oom_kill, or "" → store */
  OP_COLLECT = 13,  /* remove group args[1] below args[0] if nobody holds it → store: enum collected */
  OP_MONITOR = 14,  /* stay as the monitor (monitor.c) with struct monitor_options args[0], of container args[1]; returns in a child for each run */
  OP_HAND_OVER = 15, /* in that child: leave the process inside (pidfd args[0], channel args[1]) to the monitor. Does not return. */
  OP_HELPER = 16,   /* execute the program args[0] with argv args[1], and wait for it: helper.c */
  OP_REMOVE = 17,   /* remove the tree args[1] below directory args[0] */
  OP_COMPANION = 18, /* execute args[0] with argv args[1] beside the command, to its end; goes on when it writes to its
                       descriptor args[2]; args[3]: 1 = start it again if it dies: companion.c */
  OP_TRACE = 19 /* from its execve on, write a struct trace_record to descriptor args[0] for each call of process args[1], and
                   of all that it starts, that fails with EPERM or EACCES or is in the set args[2]: trace.c. Closes args[0] */
};

struct op {
  uint16_t code;
  uint16_t reserved;
  uint32_t nr;         /* system call number (OP_CALL) */
  uint8_t kind[6];     /* enum arg_kind of each argument */
  uint8_t store;       /* slot that takes the result, or NO_SLOT */
  uint8_t may_count;   /* how many of may[] hold */
  uint16_t may[4];     /* errnos after which the plan goes on, at the op named by may_skip */
  int16_t may_skip;    /* ops to skip after such an error */
  int16_t zero_skip;   /* ops to skip when the result is 0 (the child after a clone) */
  uint16_t fine_skip;  /* ops to skip when the result is positive or 0 without zero_skip */
  uint16_t reserved2;
  uint64_t args[6];
};

enum collected { COLLECT_REMOVED = 0, COLLECT_ALIVE = 1, COLLECT_GONE = 2, COLLECT_FAILED = 3 };

/* What goes over the control socket, both ways: one packet each, a descriptor may ride along. */
enum message_type {
  MSG_FAILED = 1,   /* a = index of the op, b = errno */
  MSG_RUNNING = 2,  /* a = pid as the launcher sees it; carries a pidfd of it */
  MSG_EXITED = 3,   /* a = wait status, b = kills for want of memory; the rest: see struct message */
  MSG_TERMINAL = 4, /* carries the master of the container's terminal */
  MSG_DATA = 5,     /* bytes for whoever asked: probes */
  MSG_ALIVE = 6,    /* no meaning; fails when the other side is gone */
  MSG_ANSWER = 7,   /* of a monitor: a = errno of what was asked, 0 for done */
  MSG_SIGNAL = 16,  /* to the launcher: send signal a to the command. To a monitor: b = 1: and do not start it again */
  MSG_CANCEL = 17,  /* to the launcher: end the start, unless the command is executing already */
  MSG_DETACH = 24,  /* to the launcher: let the command live on when whoever started it ends */
  /* To a monitor, on its socket. All but the input and the size of the terminal are answered. */
  MSG_STOP = 18,      /* send signal a, SIGKILL after b milliseconds (b < 0: never), and do not start it again */
  MSG_INPUT = 19,     /* bytes after the first 16 of the packet are for its standard input */
  MSG_INPUT_END = 20, /* close its standard input, when what came before has gone in */
  MSG_RESIZE = 21,    /* a rows, b columns */
  MSG_FREEZE = 22,    /* a = 1: freeze, 0: thaw */
  MSG_PLAN = 23       /* the next run, and the policy for it, are those of the plan in the file "plan", which is removed */
};

#define TRACE_NAME 16
#define TRACE_POINTERS 3
#define TRACE_MEMORY 256
#define TRACE_WATCHED 128 /* bytes of the set: a bit for each system call number */

struct trace_record {
  int32_t tid;
  uint32_t arch; /* AUDIT_ARCH_… */
  uint64_t nr;
  int64_t result;
  uint64_t args[6];
  uint8_t name[TRACE_NAME]; /* what the process calls itself */
  uint32_t length[TRACE_POINTERS]; /* how much of memory[] could be read */
  uint32_t reserved;
  uint8_t memory[TRACE_POINTERS][TRACE_MEMORY]; /* what the first arguments point to, if they are addresses */
};
_Static_assert(sizeof(struct trace_record) == 872, "src/explore/capabilities/trace-records.ts");

struct message {
  uint32_t type;
  int32_t a, b, c;
  uint64_t user_us, system_us, max_rss_bytes;
};

enum restart { RESTART_NO = 0, RESTART_ON_FAILURE = 1, RESTART_ALWAYS = 2 };

struct monitor_options {
  uint32_t restart; /* enum restart */
  uint32_t most_restarts; /* 0: no limit; for RESTART_ON_FAILURE */
  uint32_t terminal;
  uint32_t open_input;
  uint32_t orphans; /* no new PID namespace ends what the command leaves behind */
  uint32_t remove;  /* remove the container's directory at the end */
  uint32_t log_files;
  uint32_t network; /* FD_NETWORK is given */
  uint32_t attended; /* not removed before whoever started it has ended */
  uint32_t reserved;
  uint64_t log_bytes; /* of one file */
};

#define STATUS_MAGIC 0x31545357u /* "WST1" */
enum status_state { STATUS_CREATED = 0, STATUS_RUNNING = 1, STATUS_PAUSED = 2, STATUS_RESTARTING = 3, STATUS_EXITED = 4 };

/*
 * A container's status file, written in place, so that a full disk cannot stop it; a reader that finds the two
 * sequence numbers different looks again.
 */
struct status_record {
  uint32_t magic;
  uint32_t sequence;
  uint32_t state;
  int32_t pid;
  int32_t monitor_pid;
  int32_t wait_status; /* of the last run */
  uint32_t oom_kills;
  uint32_t restarts;
  uint64_t started_ns, finished_ns; /* CLOCK_REALTIME; 0: never */
  uint64_t user_us, system_us, max_rss_bytes;
  int32_t failed_op, failed_errno; /* of the last start; errno 0: it succeeded */
  uint32_t reserved[11];
  uint32_t sequence_again;
};
_Static_assert(sizeof(struct status_record) == 128, "src/containers/status.ts");

#endif
