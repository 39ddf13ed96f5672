import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdNetworkNamespace } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';

export const HOST = '10.99.0.2';
/** Beyond the host; it answers DNS with itself, and TCP connections to port 80 with who is asking. */
export const OUTSIDE = '10.99.0.1';

export interface Outside {
  /** Path of the network namespace beyond. */
  readonly path: string;
  [Symbol.asyncDispose](): Promise<void>;
}

const servers = `
const { createServer } = require('node:net');
const { createSocket } = require('node:dgram');
createServer((socket) => socket.end('you are ' + socket.remoteAddress + '\\n')).listen(80, '0.0.0.0');
const dns = createSocket('udp4');
dns.on('message', (query, { address, port }) => {
  const end = query.indexOf(0, 12) + 5;
  const isA = query.readUInt16BE(end - 4) === 1;
  const answer = Buffer.from('c00c00010001000000050004' + '${OUTSIDE}'.split('.').map((n) => (+n).toString(16).padStart(2, '0')).join(''), 'hex');
  const reply = Buffer.concat([query.subarray(0, end), ...(isA ? [answer] : [])]);
  reply.writeUInt16BE(0x8180, 2);
  reply.writeUInt16BE(isA ? 1 : 0, 6);
  reply.writeUInt16BE(0, 10);
  dns.send(reply, port, address);
});
dns.bind(53, '0.0.0.0', () => process.stdout.write('ready\\n'));
`;

/** The fake host gets a way out, its resolver is there, and its /dev/net/tun is for everybody, as udev makes it. */
export async function outside({ resolver = OUTSIDE } = {}): Promise<Outside> {
  const beyond = await holdNetworkNamespace();
  const files = mkdtempSync(join(tmpdir(), 'warren-outside-'));
  oracle('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', files]);
  const mounted: string[] = [];
  const over = (path: string, source: string): void => {
    oracle('mount', ['--bind', source, path]);
    mounted.unshift(path);
  };
  writeFileSync(join(files, 'resolv.conf'), `nameserver ${resolver}\nsearch example.test\n`);
  over('/etc/resolv.conf', join(files, 'resolv.conf'));
  oracle('mknod', ['-m', '666', join(files, 'tun'), 'c', '10', '200']);
  over('/dev/net/tun', join(files, 'tun'));
  oracle('ip', ['link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'out0', 'netns', String(beyond.pid)]);
  oracle('ip', ['address', 'add', `${HOST}/24`, 'dev', 'up0']);
  oracle('ip', ['link', 'set', 'up0', 'up']);
  oracle('ip', ['route', 'add', 'default', 'via', OUTSIDE]);
  const there = ['--net', `--target=${beyond.pid}`];
  oracle('nsenter', [...there, 'ip', 'address', 'add', `${OUTSIDE}/24`, 'dev', 'out0']);
  oracle('nsenter', [...there, 'ip', 'link', 'set', 'out0', 'up']);
  const server = spawn('nsenter', [...there, process.execPath, '-e', servers], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(server.stdout, 'data');
  return {
    path: beyond.path,
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL');
      await once(server, 'close');
      oracle('ip', ['link', 'delete', 'up0']);
      for (const path of mounted) oracle('umount', [path]);
      oracle('umount', [files]);
      rmSync(files, { recursive: true });
      await beyond[Symbol.asyncDispose]();
    },
  };
}
