import type { Rows } from './types.js';

const inotify =
  'On the host it is fs.inotify.max_user_* by another name, and that one is the first user namespace’s wherever it is written.';

/** System V IPC, in kernel/. */
export const ipcRows: Rows = {
  auto_msgmni: { since: '2.6.25', trap: 'Without effect since Linux 3.19.' },
  msg_next_id: { since: '3.8', use: 'each-use' },
  msgmax: { since: '2.6.19', use: 'each-use' },
  msgmnb: { since: '2.6.19', use: 'entry' },
  msgmni: { since: '2.6.19', use: 'each-use' },
  sem: { since: '2.6.19', use: 'each-use' },
  sem_next_id: { since: '3.8', use: 'each-use' },
  shm_next_id: { since: '3.8', use: 'each-use' },
  shm_rmid_forced: { since: '3.1', use: 'each-use' },
  shmall: {
    since: '2.6.19',
    use: 'each-use',
    trap: 'The memory is charged to the container’s memory control group, which is the limit that counts.',
  },
  shmmax: {
    since: '2.6.19',
    use: 'each-use',
    trap: '/dev/shm is not bound by it: that is a tmpfs with a size of its own (--shm-size).',
  },
  shmmni: { since: '2.6.19', use: 'each-use' },
};

/** POSIX message queues, in fs/mqueue. */
export const mqueueRows: Rows = {
  msg_default: { since: '3.5', use: 'entry' },
  msg_max: { since: '2.6.30', use: 'entry' },
  msgsize_default: { since: '3.5', use: 'entry' },
  msgsize_max: { since: '2.6.30', use: 'entry' },
  queues_max: { since: '2.6.30', use: 'each-use' },
};

/** Names, in kernel/. */
export const utsRows: Rows = {
  domainname: { origin: 'creator', since: '2.6.19', use: 'each-use' },
  hostname: {
    origin: 'creator',
    since: '2.6.19',
    use: 'each-use',
    trap: 'A container runtime sets it at the start (--hostname).',
  },
};

/** Limits of users, in user/. */
export const userRows: Rows = {
  max_fanotify_groups: { since: '5.13' },
  max_fanotify_marks: { since: '5.13' },
  max_inotify_instances: { since: '4.11', limit: inotify },
  max_inotify_watches: { since: '4.11', limit: inotify },
  max_time_namespaces: { since: '5.6' },
};
