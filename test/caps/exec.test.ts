/** The rules of execve(2) in src/kernel/exec-capabilities.ts, against the kernel: what is said before is what is there after. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { release } from 'node:os';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { readExecutable } from '../../src/explore/capabilities/exec-file.js';
import { readUserNamespaces } from '../../src/explore/ids/levels.js';
import { capabilitiesAfterExec } from '../../src/kernel/exec-capabilities.js';
import { parseProcStatus, type ProcStatus } from '../../src/kernel/proc-status.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';

assertFakeHost();

const folder = `/run/warren-exec-${process.pid}`;
mkdirSync(`${folder}/nosuid`, { recursive: true, mode: 0o755 });
oracle('mount', ['-t', 'tmpfs', '-o', 'nosuid,mode=755', 'tmpfs', `${folder}/nosuid`]);
after(() => {
  oracle('umount', [`${folder}/nosuid`]);
  rmSync(folder, { recursive: true });
});

/** Copies of cat(1), each with other bits and capabilities. */
const programs = {
  plain: {},
  'setuid-root': { mode: 0o4755 },
  'setuid-user': { mode: 0o4755, owner: 1000 },
  'setgid-root': { mode: 0o2755 },
  'setgid-user': { mode: 0o2755, owner: 1000 },
  permitted: { caps: 'cap_net_raw,cap_chown=p' },
  effective: { caps: 'cap_net_raw,cap_chown=ep' },
  inheritable: { caps: 'cap_net_raw,cap_kill=i' },
  'effective-inheritable': { caps: 'cap_net_raw,cap_kill=ei' },
  all: { caps: 'cap_net_raw=eip' },
  empty: { caps: '=' },
  'setuid-root-with-caps': { mode: 0o4755, caps: 'cap_net_raw=ep' },
  'setuid-user-with-caps': { mode: 0o4755, owner: 1000, caps: 'cap_net_raw=ep' },
  'nosuid/setuid-root': { mode: 0o4755 },
  'nosuid/effective': { caps: 'cap_net_raw=ep' },
} as const satisfies Record<string, { mode?: number; owner?: number; caps?: string }>;
const names = Object.keys(programs) as (keyof typeof programs)[];
for (const [name, { mode = 0o755, owner = 0, caps }] of Object.entries(programs) as [
  string,
  { mode?: number; owner?: number; caps?: string },
][]) {
  const path = `${folder}/${name}`;
  copyFileSync('/bin/cat', path);
  chownSync(path, owner, owner);
  chmodSync(path, mode);
  if (caps !== undefined) oracle('setcap', [caps, path]);
}

/**
 * Each case in a process of its own: puts itself into a state, as far as the kernel lets it, says what it is, and executes.
 * Prints the status before, and after what cat(1) reads in its place, or the errno.
 */
const changer = `
import ctypes, errno, json, os, sys
libc = ctypes.CDLL(None, use_errno=True)
cap = ctypes.CDLL('libcap.so.2')
cap.cap_from_text.restype = ctypes.c_void_p
cap.cap_from_text.argtypes = [ctypes.c_char_p]
cap.cap_set_proc.argtypes = [ctypes.c_void_p]
def run(case):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(write, 1)
        for bit in case['drop']: libc.prctl(24, bit, 0, 0, 0)
        os.setgroups(case['groups'])
        libc.prctl(28, case['securebits'] | 0x10, 0, 0, 0)
        os.setresgid(*case['gid']); os.setresuid(*case['uid'])
        cap.cap_set_proc(cap.cap_from_text(case['state'].encode()))
        for bit in case['ambient']: libc.prctl(47, 2, bit, 0, 0)
        if case['nnp']: libc.prctl(38, 1, 0, 0, 0)
        os.write(1, open('/proc/self/status', 'rb').read() + b'\\0%d\\0' % libc.prctl(27, 0, 0, 0, 0))
        try: os.execv(case['file'], [case['file'], '/proc/self/status'])
        except OSError as error: os.write(1, errno.errorcode[error.errno].encode())
        os._exit(0)
    os.close(write)
    text = b''
    while True:
        chunk = os.read(read, 65536)
        if not chunk: break
        text += chunk
    os.close(read); os.waitpid(pid, 0)
    return text.decode().split('\\0')
print(json.dumps([run(case) for case in json.load(sys.stdin)]))
`;

interface Case {
  readonly uid: readonly [number, number, number];
  readonly gid: readonly [number, number, number];
  readonly groups: readonly number[];
  readonly drop: readonly number[];
  readonly securebits: number;
  readonly state: string;
  readonly ambient: readonly number[];
  readonly nnp: boolean;
  readonly program: keyof typeof programs;
}

const [CHOWN, KILL, NET_RAW] = [0, 5, 13];
const id = fc.constantFrom(0, 1000, 2000);
const ids = fc.oneof(
  id.map((each) => [each, each, each] as const),
  fc.tuple(id, id, id),
);
const anyCase: fc.Arbitrary<Case> = fc.record(
  {
    uid: ids,
    gid: ids,
    groups: fc.constantFrom([], [1000], [0]),
    drop: fc.subarray([CHOWN, KILL, NET_RAW]),
    securebits: fc.constantFrom(0, 0, 0, 1, 4, 5),
    state: fc.constantFrom(
      ...[
        '=',
        'cap_net_raw=p',
        'cap_net_raw,cap_kill=eip',
        'cap_kill=eip cap_chown=ep',
        'all=ep',
        'cap_net_raw=i',
      ],
    ),
    ambient: fc.subarray([KILL, NET_RAW]),
    nnp: fc.boolean(),
    program: fc.constantFrom(...names),
  },
  { noNullPrototype: true },
);

/** Before Linux 6.16 ids after execve were compared with the real ones before it. */
const [major = 0, minor = 0] = release().split('.').map(Number);
const comparesEffective = major > 6 || (major === 6 && minor >= 16);

const shown = ({ uid, gid, capabilities }: ProcStatus): object => ({
  uid: uid.effective,
  gid: gid.effective,
  ...capabilities,
});

test('MISSION 4.1: capabilitiesAfterExec() foretells what the kernel does, whatever the process and the file', async () => {
  const cases = [
    // One by one, and then any mixture of them.
    ...names.flatMap((program): Case[] =>
      [0, 1000].map((uid) => ({
        uid: [uid, uid, uid],
        gid: [uid, uid, uid],
        groups: [],
        drop: [],
        securebits: 0,
        state: 'cap_net_raw,cap_kill=eip',
        ambient: [],
        nnp: false,
        program,
      })),
    ),
    ...fc.sample(anyCase, 1500),
  ].filter(({ uid, gid }) => comparesEffective || (uid[0] === uid[1] && gid[0] === gid[1]));
  const chain = await readUserNamespaces('self');
  const answers = JSON.parse(
    execFileSync('/usr/bin/python3', ['-c', changer], {
      input: JSON.stringify(cases.map((each) => ({ ...each, file: `${folder}/${each.program}` }))),
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    }),
  ) as [before: string, securebits: string, after: string][];
  const seen = new Set<string>();
  for (const [index, [beforeText, securebits, afterText]] of answers.entries()) {
    const each = cases[index]!;
    const label = JSON.stringify(each);
    const before = parseProcStatus(beforeText);
    const { file } = await readExecutable('self', `${folder}/${each.program}`, chain);
    const outcome = capabilitiesAfterExec({ ...before, securebits: Number(securebits), rootIds: [0] }, file);
    if (outcome.refused) {
      assert.equal(afterText, 'EPERM', label);
      seen.add('EPERM');
      continue;
    }
    const foretold = {
      uid: outcome.effectiveUid,
      gid: outcome.effectiveGid,
      ...outcome.capabilities,
    };
    assert.deepEqual(foretold, shown(parseProcStatus(afterText)), `${label}\n${outcome.reasons.join('\n')}`);
    for (const reason of outcome.reasons) seen.add(reason);
  }
  assert.ok(seen.size >= 10, `every rule was tried: ${[...seen].join('; ')}`);
});

test('readExecutable() follows a script to its interpreter, whose bits count', async () => {
  const { writeFileSync } = await import('node:fs');
  const chain = await readUserNamespaces('self');
  const script = `${folder}/script`;
  writeFileSync(script, `#! ${folder}/setuid-root -x\n`, { mode: 0o4755 });
  const found = await readExecutable('self', script, chain);
  assert.equal(found.path, `${folder}/setuid-root`);
  assert.deepEqual(found.scripts, [script]);
  assert.equal(found.file.setUid, 0);
  writeFileSync(`${folder}/loop`, `#!${folder}/loop\n`, { mode: 0o755 });
  await assert.rejects(readExecutable('self', `${folder}/loop`, chain), { code: 'ERR_EXEC_FILE' });
  await assert.rejects(readExecutable('self', `${folder}/none`, chain), { code: 'ERR_EXEC_FILE' });
  await assert.rejects(readExecutable('self', folder, chain), { code: 'ERR_EXEC_FILE' });
});
