/*
 * Questions about single namespaces: ioctl_nsfs(2), what of them is mounted where, and letting a mount of one go.
 * A short-lived thread does the asking, for it may have to look from inside other mount namespaces: none of Node's does.
 */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NS_GET_USERNS _IO(0xb7, 0x1)
#define NS_GET_PARENT _IO(0xb7, 0x2)
#define NS_GET_NSTYPE _IO(0xb7, 0x3)
#define NS_GET_OWNER_UID _IO(0xb7, 0x4)
#define NS_GET_ID _IOR(0xb7, 13, uint64_t)

#ifndef NSFS_MAGIC
#define NSFS_MAGIC 0x6e736673
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_listns
#define SYS_listns 470
#endif
/* Since 6.18: namespaces have file handles, and this stands for the file system that they are in. */
#define FD_NSFS_ROOT (-10003)
#define FILEID_NSFS 0xf1

/* ---- One namespace ---- */

struct request {
  const char *inside; /* a mount namespace to look from, "" for our own; a path as `path` is */
  const char *path;   /* absolute, or below /proc; "id:" and a 64-bit id of the kernel's */
  const char *steps;  /* a word of: s the namespace of the socket there, u its owner, p its parent, m list what is mounted */
};

/* Zeroes for what does not exist or was not told; `error` is why there is nothing at all. */
struct facts {
  uint32_t error;
  uint32_t inode, type;
  uint32_t parent, parent_error, owner, owner_error;
  uint32_t uid;
  uint32_t mounts_error, mounts_length; /* text follows, padded to 4 bytes */
};

struct inspection {
  napi_deferred deferred;
  napi_async_work work;
  char *text; /* NUL-separated: inside, path, steps, inside, … */
  size_t length;
  uint8_t *out;
  size_t out_length, out_room;
  int error;
  /* of the thread */
  int proc, home, root;
  const char *inside;
  int inside_error;
};

static void put(struct inspection *job, const void *bytes, size_t length) {
  size_t padded = (length + 3) & ~(size_t)3;
  if (job->out_length + padded > job->out_room) {
    job->out_room = (job->out_room + padded) * 2 + 4096;
    job->out = realloc(job->out, job->out_room);
    if (!job->out) abort();
  }
  memcpy(job->out + job->out_length, bytes, length);
  memset(job->out + job->out_length + length, 0, padded - length);
  job->out_length += padded;
}

/* "ID", or "ID:TYPE:INODE": before listns(2), which gives ids alone, the kernel wanted all three. */
static int open_id(const char *digits) {
  char *rest;
  uint64_t id = strtoull(digits, &rest, 10);
  uint32_t type = *rest == ':' ? (uint32_t)strtoul(rest + 1, &rest, 10) : 0;
  uint32_t inode = *rest == ':' ? (uint32_t)strtoul(rest + 1, &rest, 10) : 0;
  struct {
    struct file_handle handle;
    uint64_t id;
    uint32_t type, inode;
  } wanted = {.handle = {.handle_bytes = 16, .handle_type = FILEID_NSFS}, .id = id, .type = type, .inode = inode};
  return open_by_handle_at(FD_NSFS_ROOT, &wanted.handle, O_RDONLY | O_CLOEXEC);
}

/* The network namespace of a socket of a process. The caller compares: the process may be another by now. */
static int open_network_of(long pid, long fd) {
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0) return -1;
  int copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
  int namespace = copy < 0 ? -1 : ioctl(copy, SIOCGSKNS);
  int error = errno;
  close(pidfd);
  if (copy >= 0) close(copy);
  errno = error;
  return namespace;
}

/* "12/fd/7" */
static int open_socket_namespace(const char *path) {
  char *end;
  long pid = strtol(path, &end, 10);
  if (strncmp(end, "/fd/", 4) == 0) return open_network_of(pid, strtol(end + 4, NULL, 10));
  errno = EINVAL;
  return -1;
}

/* Looks before it opens: at the end of a path of somebody else's there may be anything by now, a FIFO or a device. */
static int open_namespace(int proc, const char *path) {
  if (strncmp(path, "id:", 3) == 0) return open_id(path + 3);
  int place = openat(proc, path, O_PATH | O_CLOEXEC);
  if (place < 0) return -1;
  struct statfs stat;
  char again[48] = "thread-self/fd/";
  int fd = -1;
  if (fstatfs(place, &stat) == 0) {
    if (stat.f_type == NSFS_MAGIC) {
      char digits[12];
      int count = 0, at = 15;
      for (int rest = place; rest || !count; rest /= 10) digits[count++] = (char)('0' + rest % 10);
      while (count) again[at++] = digits[--count];
      fd = openat(proc, again, O_RDONLY | O_CLOEXEC);
    } else {
      errno = EINVAL;
    }
  }
  int error = errno;
  close(place);
  errno = error;
  return fd;
}

static int go_home(struct inspection *job) {
  return setns(job->home, CLONE_NEWNS) == 0 && fchdir(job->root) == 0 && chroot(".") == 0 ? 0 : errno;
}

/* Our thread's own: they went with the first unshare. */
static int look_from(struct inspection *job, const char *inside) {
  if (strcmp(job->inside, inside) == 0) return job->inside_error;
  int error = 0;
  if (*job->inside) error = go_home(job);
  job->inside = inside;
  if (!error && *inside) {
    int fd = open_namespace(job->proc, inside);
    error = fd < 0 || setns(fd, CLONE_NEWNS) < 0 ? errno : 0;
    if (fd >= 0) close(fd);
  }
  return job->inside_error = error;
}

static uint32_t inode_of(int fd) {
  struct stat stat = {0};
  fstat(fd, &stat);
  return (uint32_t)stat.st_ino;
}

static void ask_relative(int fd, unsigned long which, uint32_t *inode, uint32_t *error) {
  int relative = ioctl(fd, which);
  if (relative < 0) {
    *error = (uint32_t)errno;
    return;
  }
  *inode = inode_of(relative);
  close(relative);
}

/* The lines of `fd` that have nsfs as their type: in names, the kernel escapes spaces. */
static void put_nsfs_mounts(struct inspection *job, int fd, struct facts *facts, size_t facts_at) {
  size_t room = 64 * 1024, length = 0;
  char *text = malloc(room);
  if (!text) abort();
  for (;;) {
    ssize_t count = read(fd, text + length, room - length);
    if (count <= 0) break;
    length += (size_t)count;
    if (length == room) {
      room *= 2;
      text = realloc(text, room);
      if (!text) abort();
    }
  }
  size_t kept = 0;
  for (size_t at = 0; at < length;) {
    char *end = memchr(text + at, '\n', length - at);
    size_t line = end ? (size_t)(end - text) + 1 - at : length - at;
    if (memmem(text + at, line, " - nsfs ", 8)) {
      memmove(text + kept, text + at, line);
      kept += line;
    }
    at += line;
  }
  facts->mounts_length = (uint32_t)kept;
  put(job, text, kept);
  memcpy(job->out + facts_at, facts, sizeof *facts);
  free(text);
}

static void list_mounts(struct inspection *job, const struct request *request, int fd, struct facts *facts, size_t facts_at) {
  /* From its own root, since a process in it may be chrooted; without the right to, as a process in it shows them. */
  int file = -1;
  if (setns(fd, CLONE_NEWNS) == 0) {
    job->inside = "?";
    file = openat(job->proc, "thread-self/mountinfo", O_RDONLY | O_CLOEXEC);
  } else if (request->path[0] >= '1' && request->path[0] <= '9' && strchr(request->path, '/') && strstr(request->path, "/ns/mnt")) {
    char path[64];
    size_t length = (size_t)(strstr(request->path, "/ns/mnt") - request->path);
    if (length < 40) {
      memcpy(path, request->path, length);
      strcpy(path + length, "/mountinfo");
      file = openat(job->proc, path, O_RDONLY | O_CLOEXEC);
    }
  }
  if (file < 0) {
    facts->mounts_error = (uint32_t)errno;
    memcpy(job->out + facts_at, facts, sizeof *facts);
    return;
  }
  put_nsfs_mounts(job, file, facts, facts_at);
  close(file);
}

static void answer(struct inspection *job, const struct request *request) {
  struct facts facts = {0};
  size_t at = job->out_length;
  put(job, &facts, sizeof facts);
  int error = look_from(job, request->inside);
  int fd = -1;
  const char *step = request->steps;
  if (!error) {
    fd = *step == 's' ? open_socket_namespace(request->path) : open_namespace(job->proc, request->path);
    if (*step == 's') step++;
    if (fd < 0) error = errno;
  }
  for (; !error && (*step == 'u' || *step == 'p'); step++) {
    int next = ioctl(fd, *step == 'u' ? NS_GET_USERNS : NS_GET_PARENT);
    if (next < 0) error = errno;
    close(fd);
    fd = next;
  }
  int type = error ? -1 : ioctl(fd, NS_GET_NSTYPE);
  if (!error && type < 0) error = errno == ENOTTY ? EINVAL : errno;
  facts.error = (uint32_t)error;
  if (!error) {
    facts.inode = inode_of(fd);
    facts.type = (uint32_t)type;
    ask_relative(fd, NS_GET_USERNS, &facts.owner, &facts.owner_error);
    if (type == CLONE_NEWUSER || type == CLONE_NEWPID) ask_relative(fd, NS_GET_PARENT, &facts.parent, &facts.parent_error);
    uid_t uid = 0;
    if (type == CLONE_NEWUSER && ioctl(fd, NS_GET_OWNER_UID, &uid) == 0) facts.uid = uid;
  }
  memcpy(job->out + at, &facts, sizeof facts);
  if (!error && *step == 'm' && type == CLONE_NEWNS) list_mounts(job, request, fd, &facts, at);
  if (fd >= 0) close(fd);
}

static void *inspect_all(void *data) {
  struct inspection *job = data;
  /* Without it, setns(2) refuses to leave the mount namespace: root and working directory are shared with other threads. */
  if (unshare(CLONE_FS) < 0) job->error = errno;
  job->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  job->home = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
  job->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  job->inside = "";
  if (!job->error && (job->proc < 0 || job->home < 0 || job->root < 0)) job->error = errno;
  for (const char *at = job->text; !job->error && at < job->text + job->length;) {
    struct request request;
    request.inside = at;
    request.path = request.inside + strlen(request.inside) + 1;
    request.steps = request.path + strlen(request.path) + 1;
    at = request.steps + strlen(request.steps) + 1;
    answer(job, &request);
  }
  if (job->proc >= 0) close(job->proc);
  if (job->home >= 0) close(job->home);
  if (job->root >= 0) close(job->root);
  return NULL;
}

static void run(napi_env env, void *data) {
  (void)env;
  struct inspection *job = data;
  pthread_t thread;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  job->error = pthread_create(&thread, NULL, inspect_all, job);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (!job->error) pthread_join(thread, NULL);
}

static void done(napi_env env, napi_status status, void *data) {
  (void)status;
  struct inspection *job = data;
  napi_value result;
  if (job->error) {
    napi_value exception;
    throw_errno(env, "open", job->error);
    napi_get_and_clear_last_exception(env, &exception);
    napi_reject_deferred(env, job->deferred, exception);
  } else {
    napi_create_buffer_copy(env, job->out_length, job->out, NULL, &result);
    napi_resolve_deferred(env, job->deferred, result);
  }
  napi_delete_async_work(env, job->work);
  free(job->text);
  free(job->out);
  free(job);
}

/* inspectNamespaces(Buffer) → promise of a Buffer: one struct facts for each request. */
static napi_value inspect_namespaces(napi_env env, napi_callback_info info) {
  napi_value argument, promise, name;
  get_arguments(env, info, 1, &argument);
  void *text;
  struct inspection *job = calloc(1, sizeof *job);
  napi_get_buffer_info(env, argument, &text, &job->length);
  job->text = malloc(job->length + 1);
  memcpy(job->text, text, job->length);
  job->text[job->length] = 0;
  napi_create_promise(env, &job->deferred, &promise);
  napi_create_string_latin1(env, "warren.namespaces", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, NULL, name, run, done, job, &job->work);
  napi_queue_async_work(env, job->work);
  return promise;
}

/* ---- All of them, where the kernel lists them ---- */

/*
 * listNamespaces() → BigUint64Array-like Buffer of 64-bit ids, or null where the kernel has no listns(2) (before 6.19).
 * @see https://docs.kernel.org: Documentation/userspace-api, include/uapi/linux/nsfs.h
 */
static napi_value list_namespaces(napi_env env, napi_callback_info info) {
  (void)info;
  struct {
    uint32_t size, spare;
    uint64_t after;
    uint32_t types, spare2;
    uint64_t owner;
  } request = {.size = sizeof request};
  size_t room = 1024, count = 0;
  uint64_t *ids = malloc(room * sizeof *ids);
  napi_value result;
  for (;;) {
    if (!ids) abort();
    long got = syscall(SYS_listns, &request, ids + count, room - count, 0);
    if (got < 0) {
      int error = errno;
      free(ids);
      if (error != ENOSYS) return throw_errno(env, "listns", error);
      napi_get_null(env, &result);
      return result;
    }
    if (got == 0) break;
    count += (size_t)got;
    request.after = ids[count - 1];
    if (count == room) ids = realloc(ids, (room *= 2) * sizeof *ids);
  }
  napi_create_buffer_copy(env, count * sizeof *ids, ids, NULL, &result);
  free(ids);
  return result;
}

/* namespaceId(path) → its 64-bit id, which no other namespace ever has; null where the kernel does not tell (before 6.18). */
static napi_value namespace_id(napi_env env, napi_callback_info info) {
  napi_value argument, result;
  get_arguments(env, info, 1, &argument);
  char *path = get_text(env, argument);
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  free(path);
  if (fd < 0) return throw_errno(env, "open", errno);
  uint64_t id = 0;
  int told = ioctl(fd, NS_GET_ID, &id) == 0;
  close(fd);
  if (told) napi_create_bigint_uint64(env, id, &result);
  else napi_get_null(env, &result);
  return result;
}

/* ---- Letting go ---- */

/*
 * unmountNamespace(path, inode): exactly that mount, held by descriptor; EINVAL when something else is mounted there. The
 * descriptor keeps it busy, hence MNT_DETACH.
 */
static napi_value unmount_namespace(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  get_arguments(env, info, 2, arguments);
  int64_t inode = 0;
  napi_get_value_int64(env, arguments[1], &inode);
  char *path = get_text(env, arguments[0]);
  int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  free(path);
  if (fd < 0) return throw_errno(env, "open", errno);
  struct statfs stat;
  int error = fstatfs(fd, &stat) < 0 ? errno : 0;
  if (!error && (stat.f_type != NSFS_MAGIC || inode_of(fd) != (uint32_t)inode)) error = EINVAL;
  if (!error) {
    char place[48] = "/proc/self/fd/";
    char digits[12];
    int count = 0, at = 14;
    for (int rest = fd; rest || !count; rest /= 10) digits[count++] = (char)('0' + rest % 10);
    while (count) place[at++] = digits[--count];
    if (umount2(place, MNT_DETACH) < 0) error = errno;
  }
  close(fd);
  return error ? throw_errno(env, "umount2", error) : NULL;
}

/* openProcess(pid) → pidfd; see pidfd_open(2). */
static napi_value open_process(napi_env env, napi_callback_info info) {
  napi_value argument;
  get_arguments(env, info, 1, &argument);
  int fd = (int)syscall(SYS_pidfd_open, get_int(env, argument), 0);
  if (fd < 0) return throw_errno(env, "pidfd_open", errno);
  return make_int(env, fd);
}

/* openSocketNamespace(pid, fd) → a descriptor, close-on-exec, of the network namespace of that socket. */
static napi_value open_namespace_of_socket(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  get_arguments(env, info, 2, arguments);
  int fd = open_network_of(get_int(env, arguments[0]), get_int(env, arguments[1]));
  if (fd < 0) return throw_errno(env, "SIOCGSKNS", errno);
  return make_int(env, fd);
}

/* openNamespaceOwner(fd) → a descriptor, close-on-exec, of the user namespace that owns it; see ioctl_nsfs(2). */
static napi_value open_namespace_owner(napi_env env, napi_callback_info info) {
  napi_value argument, result;
  get_arguments(env, info, 1, &argument);
  int32_t fd = -1;
  napi_get_value_int32(env, argument, &fd);
  int owner = ioctl(fd, NS_GET_USERNS);
  if (owner < 0) return throw_errno(env, "ioctl", errno);
  napi_create_int32(env, owner, &result);
  return result;
}

void register_namespace(napi_env env, napi_value exports) {
  set_function(env, exports, "openProcess", open_process);
  set_function(env, exports, "inspectNamespaces", inspect_namespaces);
  set_function(env, exports, "namespaceId", namespace_id);
  set_function(env, exports, "listNamespaces", list_namespaces);
  set_function(env, exports, "openSocketNamespace", open_namespace_of_socket);
  set_function(env, exports, "openNamespaceOwner", open_namespace_owner);
  set_function(env, exports, "unmountNamespace", unmount_namespace);
}
