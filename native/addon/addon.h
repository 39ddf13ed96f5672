#ifndef WARREN_ADDON_H
#define WARREN_ADDON_H

#include <node_api.h>

/* Throws `Error` with `code` (the errno's name), `errno` and `syscall`, as Node's own system errors have them. */
napi_value throw_errno(napi_env env, const char *syscall, int error);

/* Reads the arguments of a call; missing ones are undefined. */
void get_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);
int32_t get_int(napi_env env, napi_value value);
napi_value make_int(napi_env env, int64_t value);
void set_function(napi_env env, napi_value exports, const char *name, napi_callback callback);

/* Copies a JavaScript string; the caller frees it. */
char *get_text(napi_env env, napi_value value);

void register_spawn(napi_env env, napi_value exports);
void register_files(napi_env env, napi_value exports);
void register_netlink(napi_env env, napi_value exports);
void register_xattr(napi_env env, napi_value exports);
void register_sweep(napi_env env, napi_value exports);
void register_namespace(napi_env env, napi_value exports);
void register_credentials(napi_env env, napi_value exports);
void register_detached(napi_env env, napi_value exports);

#endif
