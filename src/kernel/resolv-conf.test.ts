import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatResolvConf, parseResolvConf, resolverFor } from './resolv-conf.js';

const host = parseResolvConf(
  '# x\nnameserver 127.0.0.53\nnameserver 10.1.1.1\nnameserver bad\nsearch a.example\ndomain b.example\noptions edns0\n',
);

test('parseResolvConf() reads what the C library would', () => {
  assert.deepEqual(host, {
    nameservers: ['127.0.0.53', '10.1.1.1'],
    search: ['b.example'],
    options: ['edns0'],
  });
});

test('resolverFor() leaves out resolvers on the host’s loopback, unless a responder asks them', () => {
  assert.deepEqual(resolverFor(host).file.nameservers, ['10.1.1.1']);
  const { file, upstreams } = resolverFor(host, { responder: '127.0.0.11' });
  assert.equal(formatResolvConf(file), 'nameserver 127.0.0.11\nsearch b.example\noptions edns0 ndots:0\n');
  assert.deepEqual(upstreams, ['127.0.0.53', '10.1.1.1']);
});

test('resolverFor() takes what is given over the host’s, and "." for no search list', () => {
  const { file } = resolverFor(host, { dns: ['9.9.9.9'], search: ['.'], options: [] });
  assert.equal(formatResolvConf(file), 'nameserver 9.9.9.9\n');
  assert.deepEqual(resolverFor(parseResolvConf('')).file.nameservers, ['8.8.8.8', '8.8.4.4']);
});
