/*
 * spawn(launcherFd, plan, fds, env, onPacket) → handle; send(handle, bytes); ref/unref(handle).
 *
 * Starts the launcher with a plan and relays its packets to JavaScript in the event loop. The last call of onPacket has
 * null: the launcher is gone and has been waited for.
 */
#include "addon.h"
#include "vfork.h"
#include "uv_abi.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_FREE_FD 64
#define MAX_FDS 32
#define MAX_PACKET (128 * 1024)

struct child {
  napi_env env;
  napi_ref callback;
  napi_ref self;        /* keeps the handle alive while the launcher is: its end would close the control socket */
  napi_async_context context;
  uv_poll_t *poll;      /* on the control socket, then on the pidfd */
  uv_loop_t *loop;
  pid_t pid;
  int pidfd;
  int control;
  int unreferenced;
};

static void call_back(struct child *child, napi_value bytes, napi_value fd) {
  napi_value callback, receiver, result, arguments[2] = {bytes, fd};
  napi_get_reference_value(child->env, child->callback, &callback);
  napi_get_global(child->env, &receiver);
  if (napi_make_callback(child->env, child->context, receiver, callback, 2, arguments, &result) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(child->env, &error);
    napi_fatal_exception(child->env, error);
  }
}

static void free_poll(uv_handle_t *handle) { free(handle); }

static void stop_polling(struct child *child) {
  if (!child->poll) return;
  uv_poll_stop(child->poll);
  uv_close((uv_handle_t *)child->poll, free_poll);
  child->poll = NULL;
}

static int start_polling(struct child *child, int fd, uv_poll_cb callback) {
  child->poll = calloc(1, uv_handle_size(UV_POLL_TYPE));
  int error = uv_poll_init(child->loop, child->poll, fd);
  if (error) {
    free(child->poll);
    child->poll = NULL;
    return error;
  }
  uv_handle_set_data((uv_handle_t *)child->poll, child);
  if (child->unreferenced) uv_unref((uv_handle_t *)child->poll);
  return uv_poll_start(child->poll, UV_READABLE, callback);
}

static void finish(struct child *child) {
  stop_polling(child);
  if (child->pidfd >= 0) close(child->pidfd);
  if (child->control >= 0) close(child->control);
  child->pidfd = child->control = -1;
}

static void gone(struct child *child) {
  finish(child);
  napi_handle_scope scope;
  napi_open_handle_scope(child->env, &scope);
  napi_value null, none;
  napi_get_null(child->env, &null);
  napi_create_int32(child->env, -1, &none);
  call_back(child, null, none);
  napi_close_handle_scope(child->env, scope);
  napi_delete_reference(child->env, child->callback);
  napi_delete_reference(child->env, child->self);
  child->callback = child->self = NULL;
  napi_async_destroy(child->env, child->context);
}

static int reap(struct child *child) {
  /* A connection: there is nobody to wait for. */
  if (child->pid == 0) return 1;
  int status;
  pid_t waited = waitpid(child->pid, &status, __WALL | WNOHANG);
  return waited == child->pid || (waited < 0 && errno == ECHILD);
}

static void on_pidfd(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct child *child = uv_handle_get_data((uv_handle_t *)poll);
  if (reap(child)) gone(child);
}

static void on_control(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  struct child *child = uv_handle_get_data((uv_handle_t *)poll);
  for (;;) {
    /* Asked first how much there is, so that a probe's large answer is not cut. */
    ssize_t waiting = recv(child->control, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
    if (waiting < 0 && (errno == EAGAIN || errno == EINTR)) return;
    /*
     * The launcher ended with a signal of ours unread. That is told once, and before its last words: how the command ended.
     */
    if (waiting < 0 && errno == ECONNRESET) continue;
    if (waiting <= 0 || waiting > MAX_PACKET) break;

    napi_handle_scope scope;
    napi_open_handle_scope(child->env, &scope);
    void *data;
    napi_value buffer, passed;
    napi_create_buffer(child->env, (size_t)waiting, &data, &buffer);
    struct iovec iov = {data, (size_t)waiting};
    union {
      struct cmsghdr header;
      char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    ssize_t length;
    do {
      length = recvmsg(child->control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (length < 0 && (errno == EINTR || errno == ECONNRESET)); /* as above: it may have come just now */
    int fd = -1;
    struct cmsghdr *header = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header && header->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(header), sizeof fd);
    if (length > 0) {
      napi_create_int32(child->env, fd, &passed);
      call_back(child, buffer, passed);
    }
    napi_close_handle_scope(child->env, scope);
    if (child->control < 0) return; /* disconnected by what was called back */
    if (length <= 0) break;
  }
  /* The launcher closes its end only by ending. Usually it can be waited for at once. */
  if (reap(child)) {
    gone(child);
    return;
  }
  stop_polling(child);
  start_polling(child, child->pidfd, on_pidfd);
}

/* The environment is torn down (process.exit, a worker ends): closing the socket makes the launcher end the container. */
static void on_cleanup(void *data) {
  struct child *child = data;
  finish(child);
}

static void finalize(napi_env env, void *data, void *hint) {
  (void)hint;
  struct child *child = data;
  napi_remove_env_cleanup_hook(env, on_cleanup, child);
  finish(child);
  free(child);
}

static int plan_file(const void *plan, size_t length) {
  int fd = memfd_create("warren-plan", MFD_CLOEXEC);
  if (fd < 0) return -1;
  for (size_t written = 0; written < length;) {
    ssize_t count = write(fd, (const char *)plan + written, length - written);
    if (count < 0 && errno != EINTR) {
      close(fd);
      return -1;
    }
    if (count > 0) written += (size_t)count;
  }
  return fd;
}

/* Moves a descriptor above the range that the launcher's own will be put in, so that no dup2 overwrites a source. */
static int lift(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD); }

static int start_launcher(int launcher, const void *plan, size_t plan_length, const int *given, uint32_t given_count, char **envp,
                          struct child *child, const char **failed) {
  int fds[MAX_FDS];
  int count = 0, result = -1, pair[2] = {-1, -1}, plan_fd = -1;
  *failed = "socketpair";
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return -1;
  *failed = "memfd_create";
  plan_fd = plan_file(plan, plan_length);
  if (plan_fd < 0) goto out;

  *failed = "fcntl";
  for (uint32_t i = 0; i < given_count + 2; i++) {
    /* 0, 1, 2, then control and plan, then the rest. */
    int source = i < 3 ? given[i] : i == 3 ? pair[1] : i == 4 ? plan_fd : given[i - 2];
    fds[i] = lift(source);
    if (fds[i] < 0) goto out;
    count++;
  }
  char *argv[] = {"warren-launcher", NULL};
  int executable = lift(launcher);
  if (executable < 0) goto out;
  struct launch launch = {executable, fds, count, argv, envp, 0};
  *failed = "clone3";
  child->pid = launch_vfork(&launch, &child->pidfd);
  int error = errno;
  close(executable);
  errno = error;
  if (child->pid < 0) {
    if (launch.error) *failed = "execveat";
    goto out;
  }
  child->control = pair[0];
  pair[0] = -1;
  result = 0;
out:;
  int kept = errno;
  for (int i = 0; i < count; i++) close(fds[i]);
  if (pair[0] >= 0) close(pair[0]);
  close(pair[1]);
  if (plan_fd >= 0) close(plan_fd);
  errno = kept;
  return result;
}

static napi_value spawn(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  get_arguments(env, info, 5, arguments);

  void *plan;
  size_t plan_length;
  napi_get_buffer_info(env, arguments[1], &plan, &plan_length);

  int given[MAX_FDS];
  uint32_t given_count = 0;
  napi_get_array_length(env, arguments[2], &given_count);
  if (given_count < 3 || given_count > MAX_FDS - 2) return throw_errno(env, "spawn", EINVAL);
  for (uint32_t i = 0; i < given_count; i++) {
    napi_value element;
    napi_get_element(env, arguments[2], i, &element);
    given[i] = get_int(env, element);
  }

  uint32_t env_count = 0;
  napi_get_array_length(env, arguments[3], &env_count);
  char **envp = calloc(env_count + 1, sizeof *envp);
  for (uint32_t i = 0; i < env_count; i++) {
    napi_value element;
    napi_get_element(env, arguments[3], i, &element);
    envp[i] = get_text(env, element);
  }

  struct child *child = calloc(1, sizeof *child);
  child->env = env;
  child->pidfd = child->control = -1;
  napi_get_uv_event_loop(env, (struct uv_loop_s **)&child->loop);

  const char *failed = "";
  int started = start_launcher(get_int(env, arguments[0]), plan, plan_length, given, given_count, envp, child, &failed);
  int error = errno;
  for (uint32_t i = 0; i < env_count; i++) free(envp[i]);
  free(envp);
  if (started < 0) {
    free(child);
    return throw_errno(env, failed, error);
  }

  napi_value name, handle;
  napi_create_string_latin1(env, "warren", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &child->context);
  napi_create_reference(env, arguments[4], 1, &child->callback);
  napi_create_external(env, child, finalize, NULL, &handle);
  napi_create_reference(env, handle, 1, &child->self);
  napi_add_env_cleanup_hook(env, on_cleanup, child);
  start_polling(child, child->control, on_control);
  return handle;
}

/*
 * connect(path, onPacket) → handle, as spawn()'s: packets of a monitor, and null when it has closed. A path that is too
 * long for a socket goes by way of /proc/self/fd.
 */
static napi_value connect_socket(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  get_arguments(env, info, 2, arguments);
  char *path = get_text(env, arguments[0]);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length < sizeof address.sun_path) memcpy(address.sun_path, path, length);
  free(path);
  if (length >= sizeof address.sun_path) return throw_errno(env, "connect", ENAMETOOLONG);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return throw_errno(env, "socket", errno);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    int error = errno;
    close(fd);
    return throw_errno(env, "connect", error);
  }
  struct child *child = calloc(1, sizeof *child);
  child->env = env;
  child->pidfd = -1;
  child->control = fd;
  napi_get_uv_event_loop(env, (struct uv_loop_s **)&child->loop);
  napi_value name, handle;
  napi_create_string_latin1(env, "warren", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, NULL, name, &child->context);
  napi_create_reference(env, arguments[1], 1, &child->callback);
  napi_create_external(env, child, finalize, NULL, &handle);
  napi_create_reference(env, handle, 1, &child->self);
  napi_add_env_cleanup_hook(env, on_cleanup, child);
  start_polling(child, child->control, on_control);
  return handle;
}

/* disconnect(handle): no more packets, and no null either. */
static napi_value disconnect(napi_env env, napi_callback_info info) {
  napi_value argument;
  get_arguments(env, info, 1, &argument);
  void *data = NULL;
  napi_get_value_external(env, argument, &data);
  struct child *child = data;
  if (!child || !child->self || child->pid) return NULL;
  finish(child);
  napi_delete_reference(env, child->callback);
  napi_delete_reference(env, child->self);
  child->callback = child->self = NULL;
  napi_async_destroy(env, child->context);
  return NULL;
}

static struct child *get_child(napi_env env, napi_value value) {
  void *data = NULL;
  napi_get_value_external(env, value, &data);
  return data;
}

static napi_value send_packet(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  get_arguments(env, info, 2, arguments);
  struct child *child = get_child(env, arguments[0]);
  void *data;
  size_t length;
  napi_get_buffer_info(env, arguments[1], &data, &length);
  napi_value sent;
  int ok = child && child->control >= 0 && send(child->control, data, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length;
  napi_get_boolean(env, ok, &sent);
  return sent;
}

static napi_value reference(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  get_arguments(env, info, 2, arguments);
  struct child *child = get_child(env, arguments[0]);
  bool wanted = true;
  napi_get_value_bool(env, arguments[1], &wanted);
  if (child) {
    child->unreferenced = !wanted;
    if (child->poll && wanted) uv_ref((uv_handle_t *)child->poll);
    if (child->poll && !wanted) uv_unref((uv_handle_t *)child->poll);
  }
  return NULL;
}

void register_spawn(napi_env env, napi_value exports) {
  set_function(env, exports, "spawn", spawn);
  set_function(env, exports, "send", send_packet);
  set_function(env, exports, "connect", connect_socket);
  set_function(env, exports, "disconnect", disconnect);
  set_function(env, exports, "reference", reference);
}
