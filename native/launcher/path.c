/* Opens a path below a directory as if that were the root, making what is missing. See openat2(2), RESOLVE_IN_ROOT. */
#include "launcher.h"

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>

#define O_PATH_ 010000000
#define S_IFREG_ 0100000

static long open_in_root(int root, const char *path, uint64_t flags) {
  struct open_how how = {
      .flags = flags | O_CLOEXEC,
      .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  };
  long fd;
  /* EAGAIN: a rename or mount elsewhere raced with "..": the kernel could not be sure, and asks to try again. */
  for (int tries = 0; tries < 64; tries++) {
    fd = sys(__NR_openat2, root, path, &how, sizeof how);
    if (fd != -EAGAIN) break;
  }
  return fd;
}

long make_path(int root, char *path, int is_file, uint32_t mode) {
  long found = open_in_root(root, path, O_PATH_);
  if (found != -ENOENT) return found;

  long parent = root;
  long result = -ENOENT;
  for (char *from = path;;) {
    char *end = from;
    while (*end && *end != '/') end++;
    char kept = *end;
    int last = kept == 0;
    *end = 0;
    long next = open_in_root(root, path, last ? O_PATH_ : O_PATH_ | O_DIRECTORY);
    if (next == -ENOENT) {
      long made = last && is_file ? sys(__NR_mknodat, parent, from, S_IFREG_ | mode, 0) : sys(__NR_mkdirat, parent, from, mode);
      /* EEXIST after ENOENT: a symbolic link to nothing. Whose target is meant is not ours to guess. */
      next = made < 0 ? (made == -EEXIST ? -ENOENT : made) : open_in_root(root, path, O_PATH_);
    }
    *end = kept;
    if (parent != root) sys(__NR_close, parent);
    if (next < 0 || last) {
      result = next;
      break;
    }
    parent = next;
    from = end + 1;
  }
  return result;
}
