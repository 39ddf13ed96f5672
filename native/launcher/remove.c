/* Removal of a tree that somebody else has filled. */
#include "launcher.h"

#include <asm/unistd.h>
#include <errno.h>
#include <linux/fcntl.h>

#define O_RDONLY_ 0
#define O_CLOEXEC_ 02000000
#define RENAME_NOREPLACE_ 1

struct dirent_ {
  uint64_t ino;
  int64_t off;
  uint16_t length;
  uint8_t type;
  char name[];
};

static int is_dots(const char *name) { return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2])); }

static void write_fresh_name(char *to, uint64_t number) {
  static const char prefix[] = ".warren-";
  memcpy(to, prefix, sizeof prefix - 1);
  to += sizeof prefix - 1;
  do *to++ = (char)('0' + number % 10);
  while (number /= 10);
  *to = 0;
}

static long remove_entry(long directory, const char *name) {
  if (sys(__NR_unlinkat, directory, name, 0) == 0) return 0;
  return sys(__NR_unlinkat, directory, name, AT_REMOVEDIR);
}

/* Returns whether anything has gone from there. */
static int empty_directory(long top, long below, uint64_t *number) {
  static char entries[2048] __attribute__((aligned(8)));
  int removed = 0;
  long length;
  while ((length = sys(__NR_getdents64, below, entries, sizeof entries)) > 0) {
    for (long at = 0; at < length;) {
      struct dirent_ *entry = (struct dirent_ *)(entries + at);
      at += entry->length;
      if (is_dots(entry->name)) continue;
      if (remove_entry(below, entry->name) == 0) {
        removed = 1;
        continue;
      }
      /* The name is one that nobody inside can have chosen: it has been removed, or is still to be. */
      char fresh[32];
      long moved;
      do {
        write_fresh_name(fresh, (*number)++);
        moved = sys(__NR_renameat2, below, entry->name, top, fresh, RENAME_NOREPLACE_);
      } while (moved == -EEXIST);
      if (moved == 0) removed = 1;
    }
  }
  return removed;
}

/*
 * A directory that is not empty is moved to the top and comes up again there. Nothing is followed, and nothing here
 * recurses.
 */
long remove_tree(int directory, const char *path) {
  static char entries[4096] __attribute__((aligned(8)));
  uint64_t number = 0;
  long top = sys(__NR_openat, directory, path, O_RDONLY_ | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC_, 0);
  if (top < 0) return top;
  for (int removed = 1; removed;) {
    removed = 0;
    sys(__NR_lseek, top, 0, 0);
    long length;
    while ((length = sys(__NR_getdents64, top, entries, sizeof entries)) > 0) {
      for (long at = 0; at < length;) {
        struct dirent_ *entry = (struct dirent_ *)(entries + at);
        at += entry->length;
        const char *name = entry->name;
        if (is_dots(name)) continue;
        if (remove_entry(top, name) == 0) {
          removed = 1;
          continue;
        }
        long below = sys(__NR_openat, top, name, O_RDONLY_ | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC_, 0);
        if (below < 0) continue;
        if (empty_directory(top, below, &number)) removed = 1;
        sys(__NR_close, below);
        if (sys(__NR_unlinkat, top, name, AT_REMOVEDIR) == 0) removed = 1;
      }
    }
  }
  sys(__NR_close, top);
  return sys(__NR_unlinkat, directory, path, AT_REMOVEDIR);
}
