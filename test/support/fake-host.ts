import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';

const kinds = ['mnt', 'net', 'pid'] as const;
export type NamespaceKind = (typeof kinds)[number];

/** A namespace as the kernel names it: `net:[4026531840]`. */
export function namespaceOf(kind: string, pid: number | 'self' = 'self'): string {
  return readlinkSync(`/proc/${pid}/ns/${kind}`);
}

/** The machine's own namespaces, as scripts/fake-host.sh saw them before it left them. */
export function realHostNamespaces(): ReadonlyMap<NamespaceKind, string> {
  const told = (process.env['WARREN_HOST_NAMESPACES'] ?? '').trim().split(' ');
  return new Map(kinds.flatMap((kind, index) => (told[index] ? [[kind, told[index]] as const] : [])));
}

/**
 * Refuses to go on outside a fake host. Every privileged test file calls it first: run by hand with plain
 * `node --test`, it would change the machine.
 */
export function assertFakeHost(): void {
  const host = realHostNamespaces();
  for (const kind of kinds) {
    const theirs = host.get(kind);
    assert.ok(theirs, 'not in a fake host: use npm test, or sh scripts/fake-host.sh node --test FILE');
    assert.notEqual(namespaceOf(kind), theirs, `the ${kind} namespace is still the machine's`);
  }
}

/** A network namespace held by a process of ours, for tests that need a second one. */
export interface HeldNamespace {
  readonly pid: number;
  /** `/proc/PID/ns/net` */
  readonly path: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Makes a network namespace with its loopback up. */
export async function holdNetworkNamespace(): Promise<HeldNamespace> {
  // `cat` ends with its standard input, thus with us.
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up && echo ready && exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(holder, 'exit');
  await Promise.race([
    once(holder.stdout, 'data'),
    exited.then(([code]) => assert.fail(`unshare --net ended with ${String(code)}`)),
  ]);
  const pid = holder.pid ?? assert.fail('no pid');
  return {
    pid,
    path: `/proc/${pid}/ns/net`,
    async [Symbol.asyncDispose]() {
      holder.stdin.end();
      await exited;
    },
  };
}

/** Names of the devices of this network namespace. */
export function networkDevices(): string[] {
  const text = execFileSync('ip', ['-json', 'link'], { encoding: 'utf8' });
  return (JSON.parse(text) as { ifname: string }[]).map(({ ifname }) => ifname);
}
