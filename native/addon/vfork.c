/*
 * clone3(CLONE_VM | CLONE_VFORK) by hand. libc's syscall() cannot make it: the child would return on the parent's stack.
 * So the child gets a stack of its own and calls one function that never returns. See clone(2).
 */
#include "vfork.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif

#define STACK_SIZE (64 * 1024)

static void child(struct launch *launch) __attribute__((noreturn, used));

static void child(struct launch *launch) {
  for (int i = 0; i < launch->fd_count; i++)
    if (dup2(launch->fds[i], i) < 0) goto failed;
  /* Everything else that Node has open is closed by the exec, whatever its flags say. */
  if (syscall(SYS_close_range, launch->fd_count, ~0U, 1U << 2 /* CLOSE_RANGE_CLOEXEC */) < 0) goto failed;
  syscall(SYS_execveat, launch->executable, "", launch->argv, launch->envp, 0x1000 /* AT_EMPTY_PATH */);
failed:
  launch->error = errno;
  _exit(125);
}

#if defined(__x86_64__)
static long clone_child(struct clone_args *args, size_t size, struct launch *launch) {
  long result;
  register struct launch *argument __asm__("r12") = launch;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r12, %%rdi\n\t"
      "and $-16, %%rsp\n\t"
      "call child\n\t"
      "hlt\n"
      "1:\n"
      : "=a"(result)
      : "a"((long)SYS_clone3), "D"(args), "S"(size), "r"(argument)
      : "rcx", "r11", "memory", "cc");
  return result;
}
#elif defined(__aarch64__)
static long clone_child(struct clone_args *args, size_t size, struct launch *launch) {
  register long x8 __asm__("x8") = SYS_clone3;
  register long x0 __asm__("x0") = (long)args;
  register long x1 __asm__("x1") = (long)size;
  register struct launch *x19 __asm__("x19") = launch;
  __asm__ volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, #0\n\t"
      "mov x30, #0\n\t"
      "mov x0, x19\n\t"
      "bl child\n\t"
      "brk #1\n"
      "1:\n"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(x19)
      : "memory", "cc", "x30");
  return x0;
}
#else
#error "Warren's addon knows x86-64 and aarch64"
#endif

int launch_vfork(struct launch *launch, int *pidfd) {
  void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED) return -1;

  int received = -1;
  struct clone_args args = {
      .flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
      .pidfd = (uint64_t)(uintptr_t)&received,
      /* No SIGCHLD: libuv need not wake up for a child that is not its own. We wait with __WALL. */
      .exit_signal = 0,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = STACK_SIZE,
  };

  /* A signal handler of Node's must not run in the child, on our memory. */
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  launch->error = 0;
  long pid = clone_child(&args, sizeof args, launch);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  munmap(stack, STACK_SIZE);

  if (pid < 0) {
    errno = (int)-pid;
    return -1;
  }
  if (launch->error) {
    syscall(SYS_wait4, pid, NULL, 0x40000000 /* __WALL */, NULL);
    close(received);
    errno = launch->error;
    return -1;
  }
  *pidfd = received;
  return (int)pid;
}
