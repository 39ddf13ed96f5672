/* Descriptors: sealed copies, opening below a root, pipes, terminals. Each is one system call with its errno. */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

/*
 * sealExecutable(path) → fd. A copy in memory that nothing can write to, so that a container which gets hold of
 * /proc/PID/exe holds nothing of the host's (CVE-2019-5736).
 */
static napi_value seal_executable(napi_env env, napi_callback_info info) {
  napi_value argument;
  get_arguments(env, info, 1, &argument);
  char *path = get_text(env, argument);
  int source = open(path, O_RDONLY | O_CLOEXEC);
  free(path);
  if (source < 0) return throw_errno(env, "open", errno);

  int fd = memfd_create("warren-launcher", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) fd = memfd_create("warren-launcher", MFD_CLOEXEC | MFD_ALLOW_SEALING); /* before 6.3 */
  const char *failed = "memfd_create";
  if (fd >= 0) {
    struct stat stat;
    off_t offset = 0;
    failed = "sendfile";
    int ok = fstat(source, &stat) == 0;
    while (ok && offset < stat.st_size) {
      ssize_t copied = syscall(SYS_sendfile, fd, source, &offset, (size_t)(stat.st_size - offset));
      if (copied <= 0) ok = 0;
    }
    if (ok) {
      failed = "fcntl";
      const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
      /* F_SEAL_EXEC: nor can a container take away the x bits that its siblings' launchers need. Since 6.3. */
      ok = fcntl(fd, F_ADD_SEALS, seals | F_SEAL_EXEC) == 0 || (errno == EINVAL && fcntl(fd, F_ADD_SEALS, seals) == 0);
    }
    if (!ok) {
      int error = errno;
      close(fd);
      fd = -1;
      errno = error;
    }
  }
  int error = errno;
  close(source);
  if (fd < 0) return throw_errno(env, failed, error);
  return make_int(env, fd);
}

/* openBelow(root, path, flags) → fd: path resolved as if root were "/", without leaving it (openat2, RESOLVE_IN_ROOT). */
static napi_value open_below(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  get_arguments(env, info, 3, arguments);
  char *root = get_text(env, arguments[0]);
  char *path = get_text(env, arguments[1]);
  int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int error = errno;
  long fd = -1;
  if (directory >= 0) {
    struct open_how how = {
        .flags = (uint64_t)get_int(env, arguments[2]) | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    for (int tries = 0; tries < 64; tries++) {
      fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
      if (fd >= 0 || errno != EAGAIN) break;
    }
    error = errno;
    close(directory);
  }
  free(root);
  free(path);
  if (fd < 0) return throw_errno(env, "openat2", error);
  return make_int(env, fd);
}

/* pipe() → [read, write], both close-on-exec; ours (index given) non-blocking, the other blocking as programs expect. */
static napi_value make_pipe(napi_env env, napi_callback_info info) {
  napi_value argument;
  get_arguments(env, info, 1, &argument);
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) < 0) return throw_errno(env, "pipe2", errno);
  int ours = get_int(env, argument);
  fcntl(fds[ours], F_SETFL, O_NONBLOCK);
  napi_value pair;
  napi_create_array_with_length(env, 2, &pair);
  napi_set_element(env, pair, 0, make_int(env, fds[0]));
  napi_set_element(env, pair, 1, make_int(env, fds[1]));
  return pair;
}

/* setWindowSize(fd, rows, columns); see ioctl_tty(2), TIOCSWINSZ. */
static napi_value set_window_size(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  get_arguments(env, info, 3, arguments);
  struct winsize size = {
      .ws_row = (unsigned short)get_int(env, arguments[1]),
      .ws_col = (unsigned short)get_int(env, arguments[2]),
  };
  if (ioctl(get_int(env, arguments[0]), TIOCSWINSZ, &size) < 0) return throw_errno(env, "ioctl", errno);
  return NULL;
}

/* getTermios(fd) → Buffer: the kernel's struct termios as it is, for somebody to put back. */
static napi_value get_termios(napi_env env, napi_callback_info info) {
  napi_value argument, buffer;
  get_arguments(env, info, 1, &argument);
  uint8_t saved[64] = {0};
  if (ioctl(get_int(env, argument), TCGETS, saved) < 0) return throw_errno(env, "ioctl", errno);
  napi_create_buffer_copy(env, 36, saved, NULL, &buffer);
  return buffer;
}

/* random(length) → Buffer; see getrandom(2). Node's own costs 15 ms to load, which a command line cannot spare. */
static napi_value random_bytes(napi_env env, napi_callback_info info) {
  napi_value argument, buffer;
  get_arguments(env, info, 1, &argument);
  void *data;
  int length = get_int(env, argument);
  /* Up to 256 bytes are never cut short. */
  if (length < 0 || length > 256) return throw_errno(env, "getrandom", EINVAL);
  napi_create_buffer(env, (size_t)length, &data, &buffer);
  if (getrandom(data, (size_t)length, 0) != length) return throw_errno(env, "getrandom", errno);
  return buffer;
}

/* setTermios(fd, Buffer) */
static napi_value set_termios(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  get_arguments(env, info, 2, arguments);
  void *data;
  size_t length;
  napi_get_buffer_info(env, arguments[1], &data, &length);
  if (length != 36) return throw_errno(env, "ioctl", EINVAL);
  if (ioctl(get_int(env, arguments[0]), TCSETSW, data) < 0) return throw_errno(env, "ioctl", errno);
  return NULL;
}

/* signalPidfd(pidfd, signal): by descriptor, so that it is never another process with the same number. */
static napi_value signal_pidfd(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  get_arguments(env, info, 2, arguments);
  if (syscall(SYS_pidfd_send_signal, get_int(env, arguments[0]), get_int(env, arguments[1]), NULL, 0) < 0)
    return throw_errno(env, "pidfd_send_signal", errno);
  return NULL;
}

/* flock(fd, operation) → whether it was taken; false where somebody else has it. @see flock(2) */
static napi_value take_flock(napi_env env, napi_callback_info info) {
  napi_value arguments[2], taken;
  get_arguments(env, info, 2, arguments);
  int result;
  do {
    result = flock(get_int(env, arguments[0]), get_int(env, arguments[1]));
  } while (result < 0 && errno == EINTR);
  if (result < 0 && errno != EWOULDBLOCK) return throw_errno(env, "flock", errno);
  napi_get_boolean(env, result == 0, &taken);
  return taken;
}

void register_files(napi_env env, napi_value exports) {
  set_function(env, exports, "flock", take_flock);
  set_function(env, exports, "sealExecutable", seal_executable);
  set_function(env, exports, "openBelow", open_below);
  set_function(env, exports, "pipe", make_pipe);
  set_function(env, exports, "setWindowSize", set_window_size);
  set_function(env, exports, "getTermios", get_termios);
  set_function(env, exports, "setTermios", set_termios);
  set_function(env, exports, "random", random_bytes);
  set_function(env, exports, "signalPidfd", signal_pidfd);
}
