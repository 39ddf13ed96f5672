/*
 * One pass over /proc: which namespaces each process and thread is in, and which it holds by descriptors and sockets.
 * What the numbers mean is JavaScript's business (src/native/namespace.ts decodes them); they are gathered here because
 * ten thousand processes are some two hundred thousand system calls.
 */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define NS_GET_NSTYPE _IO(0xb7, 0x3)
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

/* The order of src/native/namespace.ts. The last two are what the next child will be in. */
static const char *const links[] = {"user", "mnt",    "pid",  "net",              "ipc",
                                    "uts",  "cgroup", "time", "pid_for_children", "time_for_children"};
static const int clone_flags[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,    CLONE_NEWNET,
                                  CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP, CLONE_NEWTIME};
#define LINKS 10
#define TYPES 8
#define NETWORK 3

/* PIDFD_GET_…_NAMESPACE of each, since 6.11; see ioctl_pidfd(2) where there is one already. */
static const uint8_t pidfd_requests[LINKS] = {9, 3, 5, 4, 2, 10, 1, 7, 6, 8};
#define PIDFD_GET(request) _IO(0xFF, request)
#define PIDFD_THREAD O_EXCL

enum tag { TAG_PROCESS = 1, TAG_THREAD = 2, TAG_HOLD = 3 };
enum hold { HOLD_DESCRIPTOR = 1, HOLD_SOCKET = 2 };
enum denied { DENIED_LINKS = 1, DENIED_DESCRIPTORS = 2, DENIED_SOCKETS = 4 };

struct words {
  uint32_t *data;
  size_t count, room;
};

static uint32_t *put(struct words *out, size_t count) {
  if (out->count + count > out->room) {
    out->room = (out->room + count) * 2 + 4096;
    out->data = realloc(out->data, out->room * sizeof *out->data);
    if (!out->data) abort();
  }
  uint32_t *at = out->data + out->count;
  out->count += count;
  return at;
}

/* From an inode, which is never 0, to a number. */
struct map {
  uint64_t *inode;
  uint32_t *value;
  size_t count, room; /* a power of two */
};

static size_t place_of(const struct map *map, uint64_t inode) {
  size_t at = (size_t)((inode * 0x9e3779b97f4a7c15ull) >> 20) & (map->room - 1);
  while (map->inode[at] && map->inode[at] != inode) at = (at + 1) & (map->room - 1);
  return at;
}

static const uint32_t *find(const struct map *map, uint64_t inode) {
  if (!map->room) return NULL;
  size_t at = place_of(map, inode);
  return map->inode[at] ? &map->value[at] : NULL;
}

static void store(struct map *map, uint64_t inode, uint32_t value) {
  if (map->count * 2 >= map->room) {
    struct map larger = {.room = map->room ? map->room * 2 : 1024};
    larger.inode = calloc(larger.room, sizeof *larger.inode);
    larger.value = calloc(larger.room, sizeof *larger.value);
    if (!larger.inode || !larger.value) abort();
    for (size_t i = 0; i < map->room; i++)
      if (map->inode[i]) store(&larger, map->inode[i], map->value[i]);
    free(map->inode);
    free(map->value);
    *map = larger;
  }
  size_t at = place_of(map, inode);
  map->count += map->inode[at] == 0;
  map->inode[at] = inode;
  map->value[at] = value;
}

struct sweep {
  struct words out;
  /* Which namespace a socket is in: inherited ones are asked about once. */
  struct map sockets;
  /*
   * Namespaces with a descriptor of ours. As long as one is open, the kernel need not make an inode for the next: asking
   * costs 2.5 µs instead of 6, and reading a link 3 to 8.
   */
  struct map open;
  int kept[1024];
  size_t kept_count, kept_most;
  dev_t nsfs;
  int by_links; /* the kernel has no PIDFD_GET_… */
  int proc;
  char list[32 * 1024];
};

struct kernel_dirent {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[];
};

/* Calls for every entry whose name is a number. */
static int each_number(int directory, char *list, size_t room, void (*visit)(void *, uint32_t), void *context) {
  for (;;) {
    long length = syscall(SYS_getdents64, directory, list, room);
    if (length < 0) return -1;
    if (length == 0) return 0;
    for (long at = 0; at < length;) {
      struct kernel_dirent *entry = (void *)(list + at);
      if (entry->name[0] >= '0' && entry->name[0] <= '9') visit(context, (uint32_t)strtoul(entry->name, NULL, 10));
      at += entry->length;
    }
  }
}

/* "net:[4026531840]" → 4026531840; 0 for anything else. */
static uint32_t bracketed(const char *text, size_t length) {
  const char *open = memchr(text, '[', length);
  return open ? (uint32_t)strtoul(open + 1, NULL, 10) : 0;
}

static ssize_t read_link(int directory, const char *name, char *text, size_t room) {
  ssize_t length = readlinkat(directory, name, text, room - 1);
  if (length >= 0) text[length] = 0;
  return length;
}

/* Returns 1 when it was not allowed. `skip`: links that need not be read. */
static int read_links(int process, const char *path, unsigned skip, uint32_t *namespaces) {
  int directory = openat(process, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return errno == EACCES || errno == EPERM;
  int denied = 0;
  for (int i = 0; i < LINKS && !denied; i++) {
    if (skip & (1u << i)) continue;
    char text[64];
    ssize_t length = read_link(directory, links[i], text, sizeof text);
    if (length > 0) namespaces[i] = bracketed(text, (size_t)length);
    /* ENOENT: a zombie, a namespace that nobody was born in yet, or a kernel without this type. */
    if (length < 0 && (errno == EACCES || errno == EPERM)) denied = 1;
  }
  close(directory);
  return denied;
}

/* As read_links, by a pidfd; -1 when the kernel cannot. */
static int ask_pidfd(struct sweep *sweep, int pidfd, unsigned skip, uint32_t *namespaces) {
  for (int i = 0; i < LINKS; i++) {
    if (skip & (1u << i)) continue;
    int fd = ioctl(pidfd, PIDFD_GET(pidfd_requests[i]), 0);
    if (fd < 0) {
      if (errno == EACCES || errno == EPERM) return 1;
      if (errno == ENOTTY || errno == EINVAL) return -1;
      continue;
    }
    struct stat stat = {0};
    fstat(fd, &stat);
    namespaces[i] = (uint32_t)stat.st_ino;
    if (stat.st_ino && sweep->kept_count < sweep->kept_most && !find(&sweep->open, stat.st_ino)) {
      store(&sweep->open, stat.st_ino, 1);
      sweep->kept[sweep->kept_count++] = fd;
    } else {
      close(fd);
    }
  }
  return 0;
}

struct process {
  struct sweep *sweep;
  int directory; /* O_PATH; pins the process: with another of the same number, every access fails */
  int pidfd;     /* of the same process, if `directory` was accessed after it was opened */
  uint32_t pid;
  uint32_t namespaces[LINKS];
  size_t record;
  int descriptors;
  uint32_t denied;
};

/* The digits of a number, NUL-terminated, at the end of `room`. */
static const char *decimal(uint32_t number, char room[12]) {
  size_t at = 11;
  room[at] = 0;
  do {
    room[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  return room + at;
}

/* A process with several threads is in one user and one PID namespace: see setns(2). */
#define SAME_FOR_THREADS (1u << 0 | 1u << 2)

static void visit_thread(void *context, uint32_t tid) {
  struct process *process = context;
  struct sweep *sweep = process->sweep;
  if (tid == process->pid) return;
  uint32_t namespaces[LINKS] = {0};
  int denied = -1;
  int pidfd = sweep->by_links ? -1 : (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
  if (pidfd >= 0) {
    denied = ask_pidfd(sweep, pidfd, SAME_FOR_THREADS, namespaces);
    close(pidfd);
  }
  if (denied < 0) {
    char path[48] = "task/", digits[12];
    strcat(strcat(path, decimal(tid, digits)), "/ns");
    denied = read_links(process->directory, path, SAME_FOR_THREADS, namespaces);
  }
  if (denied) process->denied |= DENIED_LINKS;
  int differs = 0;
  for (int i = 0; i < LINKS; i++) {
    if (namespaces[i] == process->namespaces[i]) namespaces[i] = 0;
    differs |= namespaces[i] != 0;
  }
  if (!differs) return;
  /* Still a thread of this process, so its number was not another's meanwhile. */
  char path[24] = "task/", digits[12];
  strcat(path, decimal(tid, digits));
  if (faccessat(process->directory, path, F_OK, 0) < 0) return;
  uint32_t *out = put(&sweep->out, 2 + LINKS);
  out[0] = TAG_THREAD;
  out[1] = tid;
  memcpy(out + 2, namespaces, sizeof namespaces);
}

static void put_hold(struct process *process, enum hold kind, uint32_t fd, uint32_t type, uint32_t namespace) {
  uint32_t *out = put(&process->sweep->out, 5);
  out[0] = TAG_HOLD;
  out[1] = kind;
  out[2] = fd;
  out[3] = type;
  out[4] = namespace;
}

/* The network namespace of a socket or tun queue of another process, 0 when it cannot be told. See pidfd_getfd(2). */
static uint32_t network_of(struct process *process, uint32_t fd) {
  if (process->pidfd < 0) return 0;
  int copy = (int)syscall(SYS_pidfd_getfd, process->pidfd, fd, 0);
  int namespace = copy < 0 ? -1 : ioctl(copy, SIOCGSKNS);
  if (namespace < 0 && (errno == EPERM || errno == EACCES)) process->denied |= DENIED_SOCKETS;
  if (copy >= 0) close(copy);
  struct stat stat = {0};
  if (namespace >= 0) {
    fstat(namespace, &stat);
    close(namespace);
  }
  return (uint32_t)stat.st_ino;
}

/*
 * A descriptor that was opened by the path of a bind mount shows that path: what it is only statx(2) tells, without
 * asking a server that may be gone. Returns the type, or -1.
 */
static int is_namespace_file(struct process *process, const char *name, uint32_t *namespace) {
  struct statx stat;
  if (statx(process->descriptors, name, AT_STATX_DONT_SYNC, STATX_INO, &stat) < 0) return -1;
  if (makedev(stat.stx_dev_major, stat.stx_dev_minor) != process->sweep->nsfs) return -1;
  int fd = openat(process->descriptors, name, O_RDONLY | O_CLOEXEC);
  int flag = fd < 0 ? 0 : ioctl(fd, NS_GET_NSTYPE);
  if (fd >= 0) close(fd);
  *namespace = (uint32_t)stat.stx_ino;
  for (int type = 0; type < TYPES; type++)
    if (flag == clone_flags[type]) return type;
  return -1;
}

static int is_ours(const struct process *process, uint32_t fd) {
  if (process->pid != (uint32_t)getpid()) return 0;
  for (size_t i = 0; i < process->sweep->kept_count; i++)
    if (process->sweep->kept[i] == (int)fd) return 1;
  return 0;
}

static void visit_descriptor(void *context, uint32_t fd) {
  struct process *process = context;
  if (is_ours(process, fd)) return;
  char digits[12], text[64];
  const char *name = decimal(fd, digits);
  ssize_t length = read_link(process->descriptors, name, text, sizeof text);
  if (length <= 0) return;
  int tun = strcmp(text, "/dev/net/tun") == 0;
  if (tun || strncmp(text, "socket:[", 8) == 0) {
    uint64_t inode = tun ? 0 : strtoull(text + 8, NULL, 10);
    const uint32_t *known = inode ? find(&process->sweep->sockets, inode) : NULL;
    uint32_t namespace = known ? *known : network_of(process, fd);
    if (!known && inode && namespace) store(&process->sweep->sockets, inode, namespace);
    if (namespace && namespace != process->namespaces[NETWORK]) put_hold(process, HOLD_SOCKET, fd, NETWORK, namespace);
    return;
  }
  if (text[0] == '/') {
    if (strncmp(text, "/dev/", 5) == 0 || strncmp(text, "/memfd:", 7) == 0) return;
    uint32_t namespace;
    int type = is_namespace_file(process, name, &namespace);
    if (type >= 0) put_hold(process, HOLD_DESCRIPTOR, fd, (uint32_t)type, namespace);
    return;
  }
  for (uint32_t type = 0; type < TYPES; type++) {
    size_t known = strlen(links[type]);
    if (strncmp(text, links[type], known) != 0 || strncmp(text + known, ":[", 2) != 0) continue;
    put_hold(process, HOLD_DESCRIPTOR, fd, type, bracketed(text, (size_t)length));
  }
}

struct stat_line {
  const char *name;
  size_t name_length;
  uint32_t parent, threads;
  uint64_t started;
};

/* See proc_pid_stat(5). The name may hold anything, closing parentheses too: it ends at the last one. */
static int parse_stat(char *text, size_t length, struct stat_line *line) {
  char *open = memchr(text, '(', length);
  char *close = memrchr(text, ')', length);
  if (!open || !close || close < open) return 0;
  line->name = open + 1;
  line->name_length = (size_t)(close - open - 1);
  char *at = close + 1;
  for (int field = 3; field <= 22; field++) {
    while (*at == ' ') at++;
    if (field == 4) line->parent = (uint32_t)strtoul(at, NULL, 10);
    if (field == 20) line->threads = (uint32_t)strtoul(at, NULL, 10);
    if (field == 22) line->started = strtoull(at, NULL, 10);
    while (*at && *at != ' ') at++;
  }
  return 1;
}

static void visit_process(void *context, uint32_t pid) {
  struct sweep *sweep = context;
  char digits[12];
  struct process process = {.sweep = sweep, .pid = pid};
  process.directory = openat(sweep->proc, decimal(pid, digits), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (process.directory < 0) return;
  process.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

  char text[1024];
  struct stat stat = {0};
  struct stat_line line = {0};
  int fd = openat(process.directory, "stat", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
  if (fd >= 0) close(fd);
  if (length > 0) text[length] = 0;
  if (length > 0 && fstat(process.directory, &stat) == 0 && parse_stat(text, (size_t)length, &line)) {
    int denied = sweep->by_links || process.pidfd < 0 ? -1 : ask_pidfd(sweep, process.pidfd, 0, process.namespaces);
    if (denied < 0) {
      sweep->by_links |= process.pidfd >= 0;
      denied = read_links(process.directory, "ns", 0, process.namespaces);
    }
    if (denied) process.denied |= DENIED_LINKS;
    size_t padded = (line.name_length + 3) / 4;
    process.record = sweep->out.count;
    uint32_t *out = put(&sweep->out, 9 + LINKS + padded);
    out[0] = TAG_PROCESS;
    out[1] = pid;
    out[2] = line.parent;
    out[3] = stat.st_uid;
    out[4] = line.threads;
    out[6] = (uint32_t)line.started;
    out[7] = (uint32_t)(line.started >> 32);
    out[8] = (uint32_t)line.name_length;
    memcpy(out + 9, process.namespaces, sizeof process.namespaces);
    if (padded) {
      out[9 + LINKS + padded - 1] = 0;
      memcpy(out + 9 + LINKS, line.name, line.name_length);
    }
    if (line.threads > 1 && !process.denied) {
      int tasks = openat(process.directory, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (tasks >= 0) {
        each_number(tasks, sweep->list, sizeof sweep->list, visit_thread, &process);
        close(tasks);
      }
    }
    process.descriptors = openat(process.directory, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process.descriptors < 0) {
      if (errno == EACCES || errno == EPERM) process.denied |= DENIED_DESCRIPTORS;
    } else {
      each_number(process.descriptors, sweep->list, sizeof sweep->list, visit_descriptor, &process);
      close(process.descriptors);
    }
    sweep->out.data[process.record + 5] = process.denied;
  }
  if (process.pidfd >= 0) close(process.pidfd);
  close(process.directory);
}

struct job {
  napi_deferred deferred;
  napi_async_work work;
  struct words out;
  int error;
};

static void run(napi_env env, void *data) {
  (void)env;
  struct job *job = data;
  struct sweep *sweep = calloc(1, sizeof *sweep);
  char list[32 * 1024];
  if (!sweep) abort();
  struct rlimit files = {.rlim_cur = 1024};
  getrlimit(RLIMIT_NOFILE, &files);
  /* The others are for whatever else this process does meanwhile. */
  sweep->kept_most = files.rlim_cur / 4 < sizeof sweep->kept / sizeof *sweep->kept ? files.rlim_cur / 4 : sizeof sweep->kept / sizeof *sweep->kept;
  struct stat stat = {0};
  if (fstatat(AT_FDCWD, "/proc/self/ns/user", &stat, 0) == 0) sweep->nsfs = stat.st_dev;
  sweep->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (sweep->proc < 0 || each_number(sweep->proc, list, sizeof list, visit_process, sweep) < 0) job->error = errno;
  if (sweep->proc >= 0) close(sweep->proc);
  for (size_t i = 0; i < sweep->kept_count; i++) close(sweep->kept[i]);
  for (struct map *map = &sweep->sockets; map; map = map == &sweep->sockets ? &sweep->open : NULL) {
    free(map->inode);
    free(map->value);
  }
  job->out = sweep->out;
  free(sweep);
}

static void free_words(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

static void done(napi_env env, napi_status status, void *data) {
  (void)status;
  struct job *job = data;
  napi_value result;
  if (job->error) {
    napi_value exception;
    throw_errno(env, "getdents64", job->error);
    napi_get_and_clear_last_exception(env, &exception);
    napi_reject_deferred(env, job->deferred, exception);
    free(job->out.data);
  } else {
    napi_create_external_buffer(env, job->out.count * sizeof *job->out.data, job->out.data, free_words, NULL, &result);
    napi_resolve_deferred(env, job->deferred, result);
  }
  napi_delete_async_work(env, job->work);
  free(job);
}

/* sweepProcesses() → promise of a Buffer; in libuv's pool. */
static napi_value sweep_processes(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value promise, name;
  struct job *job = calloc(1, sizeof *job);
  napi_create_promise(env, &job->deferred, &promise);
  napi_create_string_latin1(env, "warren.sweep", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, NULL, name, run, done, job, &job->work);
  napi_queue_async_work(env, job->work);
  return promise;
}

void register_sweep(napi_env env, napi_value exports) { set_function(env, exports, "sweepProcesses", sweep_processes); }
