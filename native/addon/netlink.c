/*
 * Sockets in any network namespace, and the exchange of netlink messages over them. What the bytes mean is JavaScript's
 * business (src/netlink); C knows only the frame of a message, to put several datagrams into one buffer.
 */
#include "addon.h"
#include "uv_abi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Larger than any datagram of a dump (32 KiB); a longer one is read in its own length. */
#define SCRATCH_BYTES (64 * 1024)
#define DEVICE_NAME_BYTES IFNAMSIZ

/* ---- In another namespace ---- */

struct visit {
  int namespace;
  int family, type, protocol; /* socket */
  const char *tun;            /* or a tun device: its name */
  int tun_flags;
  int persist;
  const char *path;           /* or a file */
  int flags;
  int fd;
  int error;
  const char *failed;
};

static int open_tun(struct visit *visit) {
  visit->failed = "open";
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -1;
  struct ifreq request = {.ifr_flags = (short)visit->tun_flags};
  strncpy(request.ifr_name, visit->tun, IFNAMSIZ - 1);
  visit->failed = "ioctl";
  if (ioctl(fd, TUNSETIFF, &request) < 0 || (visit->persist && ioctl(fd, TUNSETPERSIST, 1) < 0)) {
    int error = errno;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

static int open_socket(struct visit *visit) {
  visit->failed = "socket";
  int fd = socket(visit->family, visit->type | SOCK_CLOEXEC | SOCK_NONBLOCK, visit->protocol);
  if (fd < 0 || visit->family != AF_NETLINK) return fd;
  /* Bound at once: multicast passes over sockets without a port. */
  struct sockaddr_nl any = {.nl_family = AF_NETLINK};
  visit->failed = "bind";
  if (bind(fd, (struct sockaddr *)&any, sizeof any) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static int open_file(struct visit *visit) {
  visit->failed = "open";
  return open(visit->path, visit->flags | O_CLOEXEC);
}

static void *go(void *data) {
  struct visit *visit = data;
  visit->fd = -1;
  visit->failed = "setns";
  if (visit->namespace < 0 || setns(visit->namespace, CLONE_NEWNET) == 0) {
    visit->fd = visit->tun ? open_tun(visit) : visit->path ? open_file(visit) : open_socket(visit);
  }
  visit->error = errno;
  return NULL;
}

/* For work of its own length: the thread goes there, and ends there. */
static int in_thread(void *(*body)(void *), struct visit *visit) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 * 1024);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int error = pthread_create(&thread, &attributes, body, visit);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (error) {
    visit->failed = "pthread_create";
    visit->error = error;
    return visit->fd = -1;
  }
  pthread_join(thread, NULL);
  return visit->fd;
}

/*
 * A socket belongs for good to the namespace of the thread that made it. This thread goes there and comes back, which takes a
 * tenth of the time of a thread's birth and death, and much less than that where the processors are busy. It goes only where it
 * is sure to come back: entering the namespace that it is in is tried first, which needs the same permissions (a process with
 * capabilities in its user namespace may be in a network namespace that belongs to another, and could not return).
 */
static int make_visit(struct visit *visit) {
  if (visit->namespace < 0) {
    go(visit);
    return visit->fd;
  }
  int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (home < 0 || setns(home, CLONE_NEWNET) < 0) {
    if (home >= 0) close(home);
    return in_thread(go, visit);
  }
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  go(visit);
  while (setns(home, CLONE_NEWNET) < 0)
    if (errno != ENOMEM && errno != EINTR) abort();
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  close(home);
  return visit->fd;
}

static void *leave_network(void *data) {
  struct visit *visit = data;
  visit->failed = "unshare";
  visit->fd = -1;
  if (unshare(CLONE_NEWNET) == 0) {
    visit->failed = "open";
    visit->fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  }
  visit->error = errno;
  return NULL;
}

/* What one thread reads of a namespace, one file after the other. */
struct reading {
  struct visit visit; /* first: the thread is given a visit */
  char **paths;
  uint32_t count;
  char **texts;   /* one for each; NULL where errors[] says why */
  size_t *lengths;
  int *errors;
};

static char *read_whole(const char *path, size_t *length, int *error) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    *error = errno;
    return NULL;
  }
  size_t room = 4096, filled = 0;
  char *text = malloc(room);
  for (;;) {
    ssize_t got = read(fd, text + filled, room - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      *error = errno;
      free(text);
      text = NULL;
    }
    if (got <= 0) break;
    filled += (size_t)got;
    if (filled == room) text = realloc(text, room *= 2);
  }
  close(fd);
  *length = filled;
  return text;
}

static void *read_files(void *data) {
  struct reading *reading = data;
  reading->visit.failed = "setns";
  reading->visit.fd = -1;
  if (reading->visit.namespace < 0 || setns(reading->visit.namespace, CLONE_NEWNET) == 0) {
    for (uint32_t i = 0; i < reading->count; i++)
      reading->texts[i] = read_whole(reading->paths[i], &reading->lengths[i], &reading->errors[i]);
    reading->visit.fd = 0;
  }
  reading->visit.error = errno;
  return NULL;
}

/* readIn(namespaceFd or -1, paths) → texts; a number in the place of one is the errno. One thread for all of them. */
static napi_value read_in(napi_env env, napi_callback_info info) {
  napi_value arguments[2], result;
  get_arguments(env, info, 2, arguments);
  struct reading reading = {.visit = {.namespace = get_int(env, arguments[0]), .fd = -1}};
  napi_get_array_length(env, arguments[1], &reading.count);
  reading.paths = calloc(reading.count + 1, sizeof *reading.paths);
  reading.texts = calloc(reading.count + 1, sizeof *reading.texts);
  reading.lengths = calloc(reading.count + 1, sizeof *reading.lengths);
  reading.errors = calloc(reading.count + 1, sizeof *reading.errors);
  for (uint32_t i = 0; i < reading.count; i++) {
    napi_value path;
    napi_get_element(env, arguments[1], i, &path);
    reading.paths[i] = get_text(env, path);
  }
  int done = reading.visit.namespace < 0 ? (read_files(&reading), reading.visit.fd) : in_thread(read_files, &reading.visit);
  napi_create_array_with_length(env, reading.count, &result);
  for (uint32_t i = 0; i < reading.count; i++) {
    napi_value element;
    if (reading.texts[i]) napi_create_string_utf8(env, reading.texts[i], reading.lengths[i], &element);
    else element = make_int(env, reading.errors[i]);
    napi_set_element(env, result, i, element);
    free(reading.paths[i]);
    free(reading.texts[i]);
  }
  free(reading.paths);
  free(reading.texts);
  free(reading.lengths);
  free(reading.errors);
  return done < 0 ? throw_errno(env, reading.visit.failed, reading.visit.error) : result;
}

/* newNetwork() → fd of a network namespace that nobody is in. It lives as long as the descriptor. */
static napi_value new_network(napi_env env, napi_callback_info info) {
  (void)info;
  struct visit visit = {.fd = -1};
  if (in_thread(leave_network, &visit) < 0) return throw_errno(env, visit.failed, visit.error);
  return make_int(env, visit.fd);
}

struct making {
  napi_async_work work;
  napi_deferred deferred;
  struct visit visit;
};

static void make_network(napi_env env, void *data) {
  (void)env;
  in_thread(leave_network, &((struct making *)data)->visit);
}

static void network_made(napi_env env, napi_status status, void *data) {
  (void)status;
  struct making *making = data;
  if (making->visit.fd >= 0) {
    napi_resolve_deferred(env, making->deferred, make_int(env, making->visit.fd));
  } else {
    napi_value error;
    throw_errno(env, making->visit.failed, making->visit.error);
    napi_get_and_clear_last_exception(env, &error);
    napi_reject_deferred(env, making->deferred, error);
  }
  napi_delete_async_work(env, making->work);
  free(making);
}

/* newNetworkInBackground() → promise of the same, from libuv's pool. */
static napi_value new_network_in_background(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value promise, name;
  struct making *making = calloc(1, sizeof *making);
  making->visit.fd = -1;
  napi_create_promise(env, &making->deferred, &promise);
  napi_create_string_latin1(env, "warren.network", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, NULL, name, make_network, network_made, making, &making->work);
  napi_queue_async_work(env, making->work);
  return promise;
}

/* socketIn(namespaceFd or -1, family, type, protocol) → fd, close-on-exec, non-blocking; netlink sockets are bound. */
static napi_value socket_in(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  get_arguments(env, info, 4, arguments);
  struct visit visit = {
      .namespace = get_int(env, arguments[0]),
      .family = get_int(env, arguments[1]),
      .type = get_int(env, arguments[2]),
      .protocol = get_int(env, arguments[3]),
  };
  if (make_visit(&visit) < 0) return throw_errno(env, visit.failed, visit.error);
  return make_int(env, visit.fd);
}

/*
 * openIn(namespaceFd or -1, path, flags) → fd. For /proc/thread-self/net and /proc/sys/net, whose files are those of the
 * namespace that the opening thread is in.
 */
static napi_value open_in(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  get_arguments(env, info, 3, arguments);
  char *path = get_text(env, arguments[1]);
  struct visit visit = {.namespace = get_int(env, arguments[0]), .path = path, .flags = get_int(env, arguments[2])};
  make_visit(&visit);
  free(path);
  if (visit.fd < 0) return throw_errno(env, visit.failed, visit.error);
  return make_int(env, visit.fd);
}

/* tunIn(namespaceFd or -1, name, flags, persist) → fd; see Documentation/networking/tuntap. Netlink cannot make these. */
static napi_value tun_in(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  get_arguments(env, info, 4, arguments);
  char *name = get_text(env, arguments[1]);
  struct visit visit = {
      .namespace = get_int(env, arguments[0]),
      .tun = name,
      .tun_flags = get_int(env, arguments[2]),
      .persist = get_int(env, arguments[3]),
  };
  if (strlen(name) >= DEVICE_NAME_BYTES) {
    visit.failed = "ioctl";
    visit.error = ENAMETOOLONG;
    visit.fd = -1;
  } else {
    make_visit(&visit);
  }
  free(name);
  if (visit.fd < 0) return throw_errno(env, visit.failed, visit.error);
  return make_int(env, visit.fd);
}

/* ---- Messages ---- */

struct collected {
  char *bytes;
  size_t length, room;
};

/* Room for `more` bytes at the end, aligned as the next message must be. */
static char *reserve(struct collected *all, size_t more) {
  all->length = NLMSG_ALIGN(all->length);
  if (all->length + more > all->room) {
    size_t room = all->room ? all->room : SCRATCH_BYTES;
    while (room < all->length + more) room *= 2;
    char *bytes = realloc(all->bytes, room);
    if (!bytes) return NULL;
    all->bytes = bytes;
    all->room = room;
  }
  return all->bytes + all->length;
}

/*
 * Appends every datagram that waits, until `limit` bytes are there. The kernel makes the parts of a dump while it is
 * read, so that this usually has a whole dump. Where it says that it dropped some (ENOBUFS), a message NLMSG_OVERRUN
 * stands in their place. Returns an errno.
 */
static int drain(int fd, struct collected *all, size_t limit) {
  while (all->length < limit) {
    char *place = reserve(all, SCRATCH_BYTES);
    if (!place) return ENOMEM;
    struct sockaddr_nl from = {0};
    socklen_t from_length = sizeof from;
    /* A look first: how long it is; most often it has come along already. */
    ssize_t length = recvfrom(fd, place, SCRATCH_BYTES, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT, (struct sockaddr *)&from, &from_length);
    if (length < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return 0;
      if (errno != ENOBUFS) return errno;
      struct nlmsghdr overrun = {.nlmsg_len = sizeof overrun, .nlmsg_type = NLMSG_OVERRUN};
      memcpy(place, &overrun, sizeof overrun);
      all->length += sizeof overrun;
      continue;
    }
    size_t second = 0;
    if (length > SCRATCH_BYTES) {
      place = reserve(all, (size_t)length);
      if (!place) return ENOMEM;
      second = (size_t)length;
    }
    ssize_t taken = recv(fd, place, second, MSG_TRUNC | MSG_DONTWAIT);
    if (taken != length) return taken < 0 ? errno : EIO;
    /* Only the kernel answers: another process may have sent to our port. */
    if (from.nl_pid == 0) {
      size_t padding = NLMSG_ALIGN((size_t)length) - (size_t)length;
      if (padding && reserve(all, (size_t)length + padding) == NULL) return ENOMEM;
      if (padding) memset(all->bytes + all->length + length, 0, padding);
      all->length += (size_t)length + padding;
    }
  }
  return 0;
}

static void free_bytes(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  free(data);
}

static int send_bytes(int fd, const void *bytes, size_t length) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  for (;;) {
    if (sendto(fd, bytes, length, MSG_NOSIGNAL, (struct sockaddr *)&kernel, sizeof kernel) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

/*
 * netlinkExchange(fd, bytes or null, limit) → Buffer or null. Sends, then takes what is already there: the kernel
 * answers netlink requests before send returns, so that one call is most often a whole request.
 */
static napi_value netlink_exchange(napi_env env, napi_callback_info info) {
  napi_value arguments[3], buffer;
  get_arguments(env, info, 3, arguments);
  int fd = get_int(env, arguments[0]);
  bool is_buffer = false;
  napi_is_buffer(env, arguments[1], &is_buffer);
  if (is_buffer) {
    void *bytes;
    size_t length;
    napi_get_buffer_info(env, arguments[1], &bytes, &length);
    int error = send_bytes(fd, bytes, length);
    if (error) return throw_errno(env, "sendto", error);
  }
  struct collected all = {0};
  int error = drain(fd, &all, (size_t)get_int(env, arguments[2]));
  if (error) {
    free(all.bytes);
    return throw_errno(env, "recvfrom", error);
  }
  if (all.length == 0) {
    napi_get_null(env, &buffer);
    free(all.bytes);
    return buffer;
  }
  if (all.length < 16 * 1024) {
    napi_create_buffer_copy(env, all.length, all.bytes, NULL, &buffer);
    free(all.bytes);
  } else {
    char *fitting = realloc(all.bytes, all.length);
    napi_create_external_buffer(env, all.length, fitting ? fitting : all.bytes, free_bytes, NULL, &buffer);
  }
  return buffer;
}

struct background {
  napi_async_work work;
  napi_deferred deferred;
  napi_ref bytes_reference;
  int fd;
  void *bytes;
  size_t length;
  int error;
};

static void background_send(napi_env env, void *data) {
  (void)env;
  struct background *job = data;
  job->error = send_bytes(job->fd, job->bytes, job->length);
}

static void background_done(napi_env env, napi_status status, void *data) {
  struct background *job = data;
  napi_value result;
  napi_create_int32(env, status == napi_ok ? job->error : ECANCELED, &result);
  napi_resolve_deferred(env, job->deferred, result);
  napi_delete_reference(env, job->bytes_reference);
  napi_delete_async_work(env, job->work);
  free(job);
}

/*
 * netlinkSendInBackground(fd, bytes) → promise of an errno. In libuv's pool, for requests that the kernel takes
 * milliseconds for (a veth's removal: 11–15 ms in send).
 */
static napi_value send_in_background(napi_env env, napi_callback_info info) {
  napi_value arguments[2], promise, name;
  get_arguments(env, info, 2, arguments);
  struct background *job = calloc(1, sizeof *job);
  job->fd = get_int(env, arguments[0]);
  napi_get_buffer_info(env, arguments[1], &job->bytes, &job->length);
  napi_create_reference(env, arguments[1], 1, &job->bytes_reference);
  napi_create_promise(env, &job->deferred, &promise);
  napi_create_string_latin1(env, "warren.netlink", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, NULL, name, background_send, background_done, job, &job->work);
  napi_queue_async_work(env, job->work);
  return promise;
}

/* ---- Waiting ---- */

struct watch {
  napi_env env;
  napi_ref callback;
  napi_async_context context;
  uv_poll_t *poll;
  int calling; /* in the callback, which may unwatch: then what the call still uses goes after it */
  int ended, finalized;
};

static void free_poll(uv_handle_t *handle) { free(handle); }

static void stop_watch(struct watch *watch) {
  if (!watch->poll) return;
  uv_poll_stop(watch->poll);
  uv_close((uv_handle_t *)watch->poll, free_poll);
  watch->poll = NULL;
}

static void release(struct watch *watch) {
  if (watch->callback) {
    napi_delete_reference(watch->env, watch->callback);
    napi_async_destroy(watch->env, watch->context);
    watch->callback = NULL;
  }
  if (watch->finalized) free(watch);
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct watch *watch = uv_handle_get_data((uv_handle_t *)poll);
  napi_handle_scope scope;
  napi_open_handle_scope(watch->env, &scope);
  napi_value callback, receiver, result;
  napi_get_reference_value(watch->env, watch->callback, &callback);
  napi_get_global(watch->env, &receiver);
  watch->calling = 1;
  if (napi_make_callback(watch->env, watch->context, receiver, callback, 0, NULL, &result) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(watch->env, &error);
    napi_fatal_exception(watch->env, error);
  }
  napi_close_handle_scope(watch->env, scope);
  watch->calling = 0;
  if (watch->ended) release(watch);
}

static void watch_cleanup(void *data) { stop_watch(data); }

static void end_watch(struct watch *watch) {
  if (watch->ended) return;
  watch->ended = 1;
  stop_watch(watch);
  napi_remove_env_cleanup_hook(watch->env, watch_cleanup, watch);
  if (!watch->calling) release(watch);
}

static void watch_finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct watch *watch = data;
  end_watch(watch);
  watch->finalized = 1;
  if (!watch->calling) release(watch);
}

/* watchReadable(fd, callback) → handle: calls as long as there is something to read. Unwatch before closing the fd. */
static napi_value watch_readable(napi_env env, napi_callback_info info) {
  napi_value arguments[2], name, handle;
  get_arguments(env, info, 2, arguments);
  uv_loop_t *loop;
  napi_get_uv_event_loop(env, (struct uv_loop_s **)&loop);
  struct watch *watch = calloc(1, sizeof *watch);
  watch->env = env;
  watch->poll = calloc(1, uv_handle_size(UV_POLL_TYPE));
  int error = uv_poll_init(loop, watch->poll, get_int(env, arguments[0]));
  if (error) {
    free(watch->poll);
    free(watch);
    return throw_errno(env, "epoll_ctl", -error);
  }
  uv_handle_set_data((uv_handle_t *)watch->poll, watch);
  napi_create_string_latin1(env, "warren.netlink", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &watch->context);
  napi_create_reference(env, arguments[1], 1, &watch->callback);
  napi_create_external(env, watch, watch_finalize, NULL, &handle);
  napi_add_env_cleanup_hook(env, watch_cleanup, watch);
  uv_poll_start(watch->poll, UV_READABLE, on_readable);
  return handle;
}

static napi_value unwatch(napi_env env, napi_callback_info info) {
  napi_value argument;
  get_arguments(env, info, 1, &argument);
  void *watch = NULL;
  napi_get_value_external(env, argument, &watch);
  if (watch) end_watch(watch);
  return NULL;
}

/* ---- Options ---- */

/* setSocketOption(fd, level, name, Buffer) */
static napi_value set_socket_option(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  get_arguments(env, info, 4, arguments);
  void *data;
  size_t length;
  napi_get_buffer_info(env, arguments[3], &data, &length);
  if (setsockopt(get_int(env, arguments[0]), get_int(env, arguments[1]), get_int(env, arguments[2]), data, (socklen_t)length) < 0) {
    return throw_errno(env, "setsockopt", errno);
  }
  return NULL;
}

/* bindSocket(fd, Buffer): the address as bind(2) takes it, a struct sockaddr_in or sockaddr_in6. */
static napi_value bind_socket(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  get_arguments(env, info, 2, arguments);
  void *data;
  size_t length;
  napi_get_buffer_info(env, arguments[1], &data, &length);
  if (bind(get_int(env, arguments[0]), data, (socklen_t)length) < 0) return throw_errno(env, "bind", errno);
  return NULL;
}

/* getSocketOption(fd, level, name, Buffer) → how many bytes of the buffer the kernel filled. It reads the buffer too. */
static napi_value get_socket_option(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  get_arguments(env, info, 4, arguments);
  void *data;
  size_t length;
  napi_get_buffer_info(env, arguments[3], &data, &length);
  socklen_t filled = (socklen_t)length;
  if (getsockopt(get_int(env, arguments[0]), get_int(env, arguments[1]), get_int(env, arguments[2]), data, &filled) < 0) {
    return throw_errno(env, "getsockopt", errno);
  }
  return make_int(env, filled);
}

void register_netlink(napi_env env, napi_value exports) {
  set_function(env, exports, "socketIn", socket_in);
  set_function(env, exports, "openIn", open_in);
  set_function(env, exports, "newNetwork", new_network);
  set_function(env, exports, "readIn", read_in);
  set_function(env, exports, "tunIn", tun_in);
  set_function(env, exports, "netlinkExchange", netlink_exchange);
  set_function(env, exports, "newNetworkInBackground", new_network_in_background);
  set_function(env, exports, "netlinkSendInBackground", send_in_background);
  set_function(env, exports, "watchReadable", watch_readable);
  set_function(env, exports, "unwatch", unwatch);
  set_function(env, exports, "bindSocket", bind_socket);
  set_function(env, exports, "setSocketOption", set_socket_option);
  set_function(env, exports, "getSocketOption", get_socket_option);
}
