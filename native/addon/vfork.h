#ifndef WARREN_VFORK_H
#define WARREN_VFORK_H

/* What the child does between clone3 and exec, prepared beforehand: it may touch nothing but this. */
struct launch {
  int executable;       /* descriptor of the sealed launcher */
  const int *fds;       /* fds[i] becomes descriptor i; none is below fd_count already */
  int fd_count;
  char *const *argv;
  char *const *envp;
  int error;            /* errno of what failed in the child */
};

/*
 * Starts launch->executable like vfork(2): the child borrows our memory, so no page tables are copied however large the
 * heap is, and the calling thread waits until it has executed. Returns the pid, or -1 with errno set.
 */
int launch_vfork(struct launch *launch, int *pidfd);

#endif
