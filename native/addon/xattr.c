/*
 * File trees by descriptor: what Node's fs lacks. Names are bytes, for a name on disk need not be UTF-8. An entry `name`
 * of a directory is never followed where it is a link.
 */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Copies the bytes of a Buffer and ends them with a NUL; sets *failed where there is one among them. The caller frees. */
static char *get_bytes(napi_env env, napi_value value, int *failed) {
  void *data = NULL;
  size_t length = 0;
  if (napi_get_buffer_info(env, value, &data, &length) != napi_ok) *failed = EINVAL;
  char *text = malloc(length + 1);
  if (length > 0) memcpy(text, data, length);
  text[length] = 0;
  if (strlen(text) != length) *failed = EINVAL;
  return text;
}

static int is_null(napi_env env, napi_value value) {
  napi_valuetype type;
  napi_typeof(env, value, &type);
  return type == napi_null || type == napi_undefined;
}

/* openat2(fd, path, flags, mode, resolve) → fd. EAGAIN (something was renamed meanwhile) is tried again, for a while. */
static napi_value open_at2(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  get_arguments(env, info, 5, arguments);
  int error = 0;
  char *path = get_bytes(env, arguments[1], &error);
  struct open_how how = {
      .flags = (uint64_t)get_int(env, arguments[2]) | O_CLOEXEC,
      .mode = (uint64_t)get_int(env, arguments[3]),
      .resolve = (uint64_t)get_int(env, arguments[4]),
  };
  long fd = -1;
  for (int tries = 0; !error && fd < 0 && tries < 1000; tries++) {
    fd = syscall(SYS_openat2, get_int(env, arguments[0]), path, &how, sizeof how);
    if (fd < 0 && errno != EAGAIN && errno != EINTR) error = errno;
  }
  free(path);
  if (fd < 0) return throw_errno(env, "openat2", error ? error : EAGAIN);
  return make_int(env, fd);
}

/* listXattrs(fd) → Buffer: names, each ended by a NUL. */
static napi_value list_xattrs(napi_env env, napi_callback_info info) {
  napi_value argument, buffer;
  get_arguments(env, info, 1, &argument);
  char *list = malloc(65536); /* XATTR_LIST_MAX */
  ssize_t length = flistxattr(get_int(env, argument), list, 65536);
  int error = errno;
  if (length >= 0) napi_create_buffer_copy(env, (size_t)length, list, NULL, &buffer);
  free(list);
  return length < 0 ? throw_errno(env, "flistxattr", error) : buffer;
}

/* getXattr(fd, attribute) → Buffer */
static napi_value get_xattr(napi_env env, napi_callback_info info) {
  napi_value arguments[2], buffer;
  get_arguments(env, info, 2, arguments);
  int error = 0;
  char *attribute = get_bytes(env, arguments[1], &error);
  char *value = malloc(65536); /* XATTR_SIZE_MAX */
  ssize_t length = error ? -1 : fgetxattr(get_int(env, arguments[0]), attribute, value, 65536);
  if (!error) error = errno;
  if (length >= 0) napi_create_buffer_copy(env, (size_t)length, value, NULL, &buffer);
  free(attribute);
  free(value);
  return length < 0 ? throw_errno(env, "fgetxattr", error) : buffer;
}

/* setXattr(fd, attribute, value) */
static napi_value set_xattr(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  get_arguments(env, info, 3, arguments);
  int error = 0;
  char *attribute = get_bytes(env, arguments[1], &error);
  void *value = NULL;
  size_t length = 0;
  if (napi_get_buffer_info(env, arguments[2], &value, &length) != napi_ok) error = EINVAL;
  if (!error && fsetxattr(get_int(env, arguments[0]), attribute, value, length, 0) < 0) error = errno;
  free(attribute);
  return error ? throw_errno(env, "fsetxattr", error) : NULL;
}

/*
 * setTimes(fd, name, atimeSeconds, atimeNanoseconds, mtimeSeconds, mtimeNanoseconds): of an entry, or with a null name of the
 * open file. Node's take a double, which is not exact.
 */
static napi_value set_times(napi_env env, napi_callback_info info) {
  napi_value arguments[6];
  get_arguments(env, info, 6, arguments);
  int fd = get_int(env, arguments[0]), error = 0;
  char *name = is_null(env, arguments[1]) ? NULL : get_bytes(env, arguments[1], &error);
  struct timespec times[2];
  for (int i = 0; i < 2; i++) {
    int64_t seconds = 0;
    napi_get_value_int64(env, arguments[2 + 2 * i], &seconds);
    times[i].tv_sec = seconds;
    times[i].tv_nsec = get_int(env, arguments[3 + 2 * i]);
  }
  if (name && (strchr(name, '/') || !*name)) error = EINVAL;
  if (!error) {
    int result = name ? utimensat(fd, name, times, AT_SYMLINK_NOFOLLOW) : futimens(fd, times);
    if (result < 0) error = errno;
  }
  free(name);
  return error ? throw_errno(env, "utimensat", error) : NULL;
}

/* makeNode(fd, name, mode, major, minor); see mknod(2). */
static napi_value make_node(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  get_arguments(env, info, 5, arguments);
  int error = 0;
  char *name = get_bytes(env, arguments[1], &error);
  if (strchr(name, '/') || !*name) error = EINVAL;
  dev_t device = makedev((unsigned)get_int(env, arguments[3]), (unsigned)get_int(env, arguments[4]));
  if (!error && mknodat(get_int(env, arguments[0]), name, (mode_t)get_int(env, arguments[2]), device) < 0)
    error = errno;
  free(name);
  return error ? throw_errno(env, "mknodat", error) : NULL;
}

void register_xattr(napi_env env, napi_value exports) {
  set_function(env, exports, "openat2", open_at2);
  set_function(env, exports, "listXattrs", list_xattrs);
  set_function(env, exports, "getXattr", get_xattr);
  set_function(env, exports, "setXattr", set_xattr);
  set_function(env, exports, "setTimes", set_times);
  set_function(env, exports, "makeNode", make_node);
}
