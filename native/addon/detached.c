/* A file system that is mounted nowhere: it can be used through its descriptor, and goes with it. */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef FSOPEN_CLOEXEC
#define FSOPEN_CLOEXEC 1
#endif
#ifndef FSMOUNT_CLOEXEC
#define FSMOUNT_CLOEXEC 1
#endif
#define CMD_CREATE 6 /* FSCONFIG_CMD_CREATE */

/* detachedMount(type) → fd of its root; see fsopen(2), fsmount(2). */
static napi_value detached_mount(napi_env env, napi_callback_info info) {
  napi_value argument;
  get_arguments(env, info, 1, &argument);
  char *type = get_text(env, argument);
  int context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
  int error = errno;
  free(type);
  if (context < 0) return throw_errno(env, "fsopen", error);
  const char *failed = "fsconfig";
  int fd = -1;
  if (syscall(SYS_fsconfig, context, CMD_CREATE, NULL, NULL, 0) == 0) {
    failed = "fsmount";
    fd = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, 0);
  }
  error = errno;
  close(context);
  if (fd < 0) return throw_errno(env, failed, error);
  return make_int(env, fd);
}

void register_detached(napi_env env, napi_value exports) { set_function(env, exports, "detachedMount", detached_mount); }
