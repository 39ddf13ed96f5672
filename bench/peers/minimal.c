/*
 * The least that a start in six namespaces can be, as a yardstick: clone, private mounts, the root a mount of its own,
 * pivot_root, a fresh /proc, execve. No devices, no limits, no dropped privilege: nothing to run a stranger's code in.
 *
 *   minimal ROOT COMMAND [ARG…]
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int ok, const char *what) {
  if (ok) return;
  perror(what);
  _exit(125);
}

static void enter(const char *root) {
  must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0, "make / private");
  must(mount(root, root, NULL, MS_BIND | MS_REC, NULL) == 0, "bind the root");
  must(chdir(root) == 0, "chdir");
  must(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0, "mount proc");
  must(syscall(SYS_pivot_root, ".", ".") == 0, "pivot_root");
  must(umount2(".", MNT_DETACH) == 0, "umount2");
  must(chdir("/") == 0, "chdir /");
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP;
  long child = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
  must(child >= 0, "clone");
  if (child == 0) {
    char *const environment[] = {"PATH=/bin", NULL};
    enter(argv[1]);
    execve(argv[2], argv + 2, environment);
    must(0, "execve");
  }
  int status;
  must(waitpid((pid_t)child, &status, 0) == child, "waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
