/*
 * What the kernel tells of this process's credentials only by call; and attributes of the entries of a directory, which
 * need not be readable, as xattr.c's files must be.
 */
#include "addon.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

/* The kernel's limit of a value is 64 KiB; what is asked for here is far shorter. */
#define VALUE_BYTES 4096

/* securebits() → number, of the calling thread. */
static napi_value get_securebits(napi_env env, napi_callback_info info) {
  (void)info;
  int bits = prctl(PR_GET_SECUREBITS, 0, 0, 0, 0);
  if (bits < 0) return throw_errno(env, "prctl", errno);
  return make_int(env, bits);
}

/* A path to the entry `name` (a Buffer) of a directory: setxattrat(2) is too new (6.13). NULL for no name. The caller frees. */
static char *entry_path(napi_env env, napi_value directory, napi_value entry) {
  void *name = NULL;
  size_t length = 0;
  if (napi_get_buffer_info(env, entry, &name, &length) != napi_ok || length == 0 || memchr(name, 0, length) ||
      memchr(name, '/', length))
    return NULL;
  char *path = malloc(length + 32);
  int at = sprintf(path, "/proc/self/fd/%d/", get_int(env, directory));
  memcpy(path + at, name, length);
  path[(size_t)at + length] = 0;
  return path;
}

/* getEntryAttribute(directoryFd, name: Buffer, attribute) → Buffer; of the entry itself, where it is a link too. */
static napi_value get_entry_attribute(napi_env env, napi_callback_info info) {
  napi_value arguments[3], buffer;
  get_arguments(env, info, 3, arguments);
  char *path = entry_path(env, arguments[0], arguments[1]);
  if (!path) return throw_errno(env, "lgetxattr", EINVAL);
  char *attribute = get_text(env, arguments[2]);
  uint8_t value[VALUE_BYTES];
  ssize_t length = lgetxattr(path, attribute, value, sizeof value);
  int error = errno;
  free(attribute);
  free(path);
  if (length < 0) return throw_errno(env, "lgetxattr", error);
  napi_create_buffer_copy(env, (size_t)length, value, NULL, &buffer);
  return buffer;
}

/* setEntryAttribute(directoryFd, name: Buffer, attribute, value: Buffer) */
static napi_value set_entry_attribute(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  get_arguments(env, info, 4, arguments);
  void *value = NULL;
  size_t length = 0;
  char *path = entry_path(env, arguments[0], arguments[1]);
  if (!path || napi_get_buffer_info(env, arguments[3], &value, &length) != napi_ok) {
    free(path);
    return throw_errno(env, "lsetxattr", EINVAL);
  }
  char *attribute = get_text(env, arguments[2]);
  int error = lsetxattr(path, attribute, value, length, 0) < 0 ? errno : 0;
  free(attribute);
  free(path);
  return error ? throw_errno(env, "lsetxattr", error) : NULL;
}

/* removeEntryAttribute(directoryFd, name: Buffer, attribute) */
static napi_value remove_entry_attribute(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  get_arguments(env, info, 3, arguments);
  char *path = entry_path(env, arguments[0], arguments[1]);
  if (!path) return throw_errno(env, "lremovexattr", EINVAL);
  char *attribute = get_text(env, arguments[2]);
  int error = lremovexattr(path, attribute) < 0 ? errno : 0;
  free(attribute);
  free(path);
  return error ? throw_errno(env, "lremovexattr", error) : NULL;
}

void register_credentials(napi_env env, napi_value exports) {
  set_function(env, exports, "securebits", get_securebits);
  set_function(env, exports, "getEntryAttribute", get_entry_attribute);
  set_function(env, exports, "setEntryAttribute", set_entry_attribute);
  set_function(env, exports, "removeEntryAttribute", remove_entry_attribute);
}
