/* Entry of the addon, and the helpers its files share. */
#include "addon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

napi_value throw_errno(napi_env env, const char *syscall, int error) {
  const char *name = strerrorname_np(error);
  char text[160];
  strcpy(text, syscall);
  strcat(text, ": ");
  strncat(text, strerror(error), 100);
  napi_value code, message, object, value;
  napi_create_string_utf8(env, name ? name : "EUNKNOWN", NAPI_AUTO_LENGTH, &code);
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message);
  napi_create_error(env, code, message, &object);
  napi_create_int32(env, error, &value);
  napi_set_named_property(env, object, "errno", value);
  napi_create_string_utf8(env, syscall, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, object, "syscall", value);
  napi_throw(env, object);
  return NULL;
}

void get_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  napi_get_cb_info(env, info, &count, arguments, NULL, NULL);
}

int32_t get_int(napi_env env, napi_value value) {
  int32_t number = -1;
  napi_get_value_int32(env, value, &number);
  return number;
}

napi_value make_int(napi_env env, int64_t value) {
  napi_value number;
  napi_create_int64(env, value, &number);
  return number;
}

char *get_text(napi_env env, napi_value value) {
  size_t length = 0;
  napi_get_value_string_utf8(env, value, NULL, 0, &length);
  char *text = malloc(length + 1);
  text[0] = 0;
  napi_get_value_string_utf8(env, value, text, length + 1, &length);
  return text;
}

void set_function(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT() {
  register_spawn(env, exports);
  register_files(env, exports);
  register_netlink(env, exports);
  register_xattr(env, exports);
  register_sweep(env, exports);
  register_namespace(env, exports);
  register_credentials(env, exports);
  register_detached(env, exports);
  return exports;
}
