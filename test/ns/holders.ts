/** Namespaces that are held in every way there is, by processes that end with the test. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { oracle } from '../support/oracle.js';

const prelude = `
import ctypes, os, socket, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
NEW = dict(user=0x10000000, mnt=0x20000, pid=0x20000000, net=0x40000000, ipc=0x8000000, uts=0x4000000, cgroup=0x2000000, time=0x80)
def check(result, what):
    if result < 0: raise OSError(ctypes.get_errno(), what)
def unshare(kind): check(libc.unshare(NEW[kind]), "unshare")
def become_root():
    # Whoever makes a user namespace must be mapped in the one above it.
    for name, text in ("setgroups", "deny"), ("uid_map", "0 0 1"), ("gid_map", "0 0 1"):
        with open(f"/proc/self/{name}", "w") as file: file.write(text)
def setns(fd, kind): check(libc.setns(fd, NEW[kind]), "setns")
def link(kind, who="self"): return os.readlink(f"/proc/{who}/ns/{kind}")
def tell(text): print(text, flush=True)
def stay(): sys.stdin.read()
`;

/** A process that made something and waits. */
export interface Holding {
  readonly pid: number;
  /** What it printed: namespaces as the kernel names them. */
  readonly told: readonly string[];
  [Symbol.asyncDispose](): Promise<void>;
}

/** Runs Python, which tells what it made, a line each, then \`ready\`, and waits for its standard input to end. */
export async function holding(script: string): Promise<Holding> {
  const child = spawn('python3', ['-c', `${prelude}\n${script}\ntell("ready")\nstay()\n`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let text = '';
  for await (const chunk of child.stdout) {
    text += String(chunk);
    if (text.endsWith('ready\n')) break;
  }
  assert.match(text, /ready\n$/, `the process ended after saying ${JSON.stringify(text)}`);
  return {
    pid: child.pid ?? assert.fail('no pid'),
    told: text.trim().split('\n').slice(0, -1),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}

/** `net:[4026531840]` → 4026531840 */
export function inodeOf(name: string | undefined): number {
  return Number(/\[(\d+)\]/.exec(name ?? '')?.[1]);
}

export interface NamedNetns {
  readonly inode: number;
  readonly path: string;
  [Symbol.dispose](): void;
}

/** By `ip netns add`, which mounts /run/netns on itself the first time. */
export function namedNetns(name: string): NamedNetns {
  oracle('ip', ['netns', 'add', name]);
  const path = `/run/netns/${name}`;
  return {
    inode: statSync(path).ino,
    path,
    [Symbol.dispose]() {
      oracle('ip', ['netns', 'delete', name], { allowFailure: true });
      oracle('umount', ['/run/netns'], { allowFailure: true });
    },
  };
}
