import type { Rows } from './types.js';

const buffer =
  'It shows the machine’s: only the first namespace may set it, and setsockopt(2) of containers is held to it as well. TCP grows its buffers by tcp_rmem and tcp_wmem instead, which a container can set.';

/** Keys of net/core. */
export const coreRows: Rows = {
  optmem_max: { since: '6.8', use: 'each-use' },
  rmem_default: { origin: 'shared', use: 'socket', trap: buffer },
  rmem_max: { origin: 'shared', use: 'each-use', trap: buffer },
  rps_default_mask: { since: '6.3', use: 'interface' },
  somaxconn: {
    since: '2.6.25',
    use: 'listen',
    trap: 'The queue is the smaller of it and of listen(2)’s argument: a server that is restarted may also have to be told a larger backlog.',
  },
  txrehash: { since: '5.18', use: 'connection' },
  wmem_default: { origin: 'shared', use: 'socket', trap: buffer },
  wmem_max: { origin: 'shared', use: 'each-use', trap: buffer },
};

/** Keys of net/unix. */
export const unixRows: Rows = {
  max_dgram_qlen: { since: '2.6.25', use: 'socket' },
};
