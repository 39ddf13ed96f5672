import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { type MapFile, type MapWriteFacts, explainMapWrite } from '../../src/kernel/idmap-write.js';
import { assertFakeHost } from '../support/fake-host.js';
import { asUser, holdUserNamespace, writeAs, type HolderOptions } from './holder.js';

assertFakeHost();

const identity = [{ inside: 0, outside: 0, length: 4_294_967_295 }];

/** Root in the first user namespace writes to a fresh one that root has made. */
const byRoot: MapWriteFacts = {
  writer: {
    euid: 0,
    egid: 0,
    in: 'parent',
    sysAdminOverNamespace: true,
    overParent: { setuid: true, setgid: true, setfcap: true },
    mayOpen: true,
  },
  namespace: {
    initial: false,
    creatorUid: 0,
    creatorHadSetfcap: true,
    written: { uid_map: false, gid_map: false },
    setgroups: 'allow',
  },
  parent: { uid_map: identity, gid_map: identity },
};
const user = 12345;
const nothing = { setuid: false, setgid: false, setfcap: false };
/** An ordinary user writes to one that they have made. */
const byUser: MapWriteFacts = {
  ...byRoot,
  writer: { ...byRoot.writer, euid: user, egid: user, overParent: nothing },
  namespace: { ...byRoot.namespace, creatorUid: user, creatorHadSetfcap: false },
};

interface Case {
  readonly facts: MapWriteFacts;
  readonly file?: MapFile;
  readonly text: string;
  readonly cause: string | undefined;
  readonly holder?: HolderOptions;
  /** Writes that come before, by root. */
  readonly before?: readonly (readonly [MapFile, string])[];
  readonly as?: readonly string[];
}

const lines = (count: number): string => Array.from({ length: count }, (_, n) => `${n} ${n} 1\n`).join('');
const withoutSetfcap = ['setpriv', '--bounding-set=-setfcap'];
const mine = { holder: { uid: user }, as: asUser(user), facts: byUser } as const;

const cases: Readonly<Record<string, Case>> = {
  'root, ranges': { facts: byRoot, text: '0 100000 65536\n65536 0 1\n', cause: undefined },
  'no newline at the end': { facts: byRoot, text: '0 100000 65536', cause: undefined },
  '340 ranges': { facts: byRoot, text: lines(340), cause: undefined },
  '341 ranges': { facts: byRoot, text: lines(341), cause: 'too-many-ranges' },
  'a page of text': { facts: byRoot, text: '0 0 1\n'.padEnd(4096, ' '), cause: 'too-long' },
  words: { facts: byRoot, text: 'all\n', cause: 'syntax' },
  'an empty line': { facts: byRoot, text: '0 0 1\n\n1 1 1\n', cause: 'syntax' },
  'four fields': { facts: byRoot, text: '0 0 1 1\n', cause: 'syntax' },
  'no id': { facts: byRoot, text: '4294967295 0 1\n', cause: 'id-invalid' },
  'length 0': { facts: byRoot, text: '0 0 0\n', cause: 'length-zero' },
  'beyond the last id': { facts: byRoot, text: '1 0 4294967295\n', cause: 'range-overflow' },
  'overlap inside': { facts: byRoot, text: '0 0 10\n9 100 1\n', cause: 'overlap' },
  'overlap outside': { facts: byRoot, text: '0 0 10\n10 9 1\n', cause: 'overlap' },
  'written before': {
    facts: { ...byRoot, namespace: { ...byRoot.namespace, written: { uid_map: true, gid_map: false } } },
    before: [['uid_map', '0 0 1\n']],
    text: '0 0 1\n',
    cause: 'written-before',
  },
  'root without CAP_SETFCAP maps root': {
    facts: {
      ...byRoot,
      writer: { ...byRoot.writer, overParent: { ...byRoot.writer.overParent, setfcap: false } },
    },
    as: withoutSetfcap,
    text: '0 0 1\n',
    cause: 'root-needs-setfcap',
  },
  'root without CAP_SETFCAP maps others': {
    facts: {
      ...byRoot,
      writer: { ...byRoot.writer, overParent: { ...byRoot.writer.overParent, setfcap: false } },
    },
    as: withoutSetfcap,
    text: '0 1 1\n',
    cause: undefined,
  },
  'a user, their own id': { ...mine, text: `0 ${user} 1\n`, cause: undefined },
  'a user, another id': { ...mine, text: '0 12346 1\n', cause: 'foreign-id' },
  'a user, two ids': { ...mine, text: `0 ${user} 2\n`, cause: 'more-than-own-id' },
  'a user, two ranges': { ...mine, text: `0 ${user} 1\n1 1 1\n`, cause: 'more-than-own-id' },
  'a user, root': { ...mine, text: '0 0 1\n', cause: 'root-needs-setfcap' },
  'a user, gid_map with setgroups': {
    ...mine,
    file: 'gid_map',
    text: `0 ${user} 1\n`,
    cause: 'setgroups-allowed',
  },
  'a user, gid_map after deny': {
    ...mine,
    facts: { ...byUser, namespace: { ...byUser.namespace, setgroups: 'deny' } },
    file: 'gid_map',
    before: [['setgroups', 'deny']],
    text: `0 ${user} 1\n`,
    cause: undefined,
  },
  'another user': {
    facts: { ...byUser, writer: { ...byUser.writer, euid: 54321, mayOpen: false } },
    holder: { uid: user },
    as: asUser(54321),
    text: '0 54321 1\n',
    cause: 'not-permitted-to-open',
  },
  'root’s CAP_SETUID is gone': {
    facts: {
      ...byRoot,
      writer: { ...byRoot.writer, overParent: { setuid: false, setgid: true, setfcap: true } },
      namespace: { ...byRoot.namespace, creatorUid: user },
    },
    holder: { uid: user },
    as: ['setpriv', '--bounding-set=-setuid'],
    text: `0 ${user} 1\n`,
    cause: 'not-creator',
  },
  'neither CAP_SYS_ADMIN nor maker': {
    facts: { ...byUser, writer: { ...byRoot.writer, sysAdminOverNamespace: false } },
    holder: { uid: user },
    as: ['setpriv', '--bounding-set=-sys_admin'],
    text: `0 ${user} 1\n`,
    cause: 'no-capability-over-namespace',
  },
  'setgroups, allow': { facts: byRoot, file: 'setgroups', text: 'allow', cause: undefined },
  'setgroups, another word': { facts: byRoot, file: 'setgroups', text: 'maybe', cause: 'setgroups-word' },
  'setgroups, allow after deny': {
    facts: { ...byRoot, namespace: { ...byRoot.namespace, setgroups: 'deny' } },
    file: 'setgroups',
    before: [['setgroups', 'deny']],
    text: 'allow',
    cause: 'setgroups-denied-above',
  },
  'setgroups, deny after gid_map': {
    facts: { ...byRoot, namespace: { ...byRoot.namespace, written: { uid_map: false, gid_map: true } } },
    file: 'setgroups',
    before: [['gid_map', '0 0 1\n']],
    text: 'deny',
    cause: 'setgroups-too-late',
  },
  'setgroups, without CAP_SYS_ADMIN there': {
    facts: { ...byUser, writer: { ...byRoot.writer, sysAdminOverNamespace: false } },
    holder: { uid: user },
    file: 'setgroups',
    as: ['setpriv', '--bounding-set=-sys_admin'],
    text: 'deny',
    cause: 'no-capability-over-namespace',
  },
};

for (const [name, { facts, file = 'uid_map', text, cause, holder, before = [], as }] of Object.entries(
  cases,
)) {
  test(`explainMapWrite() says what the kernel does: ${name}`, async () => {
    await using held = await holdUserNamespace(holder);
    for (const [earlier, words] of before) writeFileSync(`/proc/${held.pid}/${earlier}`, words);
    const refusal = explainMapWrite(file, text, facts);
    assert.equal(refusal?.cause, cause);
    assert.equal(refusal?.errno, writeAs(`/proc/${held.pid}/${file}`, text, as));
  });
}

test('explainMapWrite() says what the kernel does: ids that the namespace above has not', async () => {
  await using outer = await holdUserNamespace({ uid: 100000, script: 'unshare --user sleep 60 & child=$!' });
  writeFileSync(`/proc/${outer.pid}/uid_map`, '0 100000 1000\n1000 200000 1000\n');
  writeFileSync(`/proc/${outer.pid}/gid_map`, '0 100000 1000\n');
  const facts: MapWriteFacts = {
    ...byRoot,
    parent: {
      uid_map: [
        { inside: 0, outside: 100000, length: 1000 },
        { inside: 1000, outside: 200000, length: 1000 },
      ],
      gid_map: identity,
    },
  };
  for (const [text, cause] of [
    ['0 5000 1\n', 'not-mapped-in-parent'],
    ['0 0 1001\n', 'not-mapped-in-parent'],
    ['0 1000 1000\n', undefined],
  ] as const) {
    // Written from the namespace above, by its root.
    const inOuter = ['nsenter', `--user=/proc/${outer.pid}/ns/user`];
    await using held = await holdUserNamespace({ uid: 0, gid: 0, prefix: inOuter });
    const refusal = explainMapWrite('uid_map', text, facts);
    assert.equal(refusal?.cause, cause);
    assert.equal(writeAs(`/proc/${held.pid}/uid_map`, text, inOuter), refusal?.errno, text);
  }
});

test('explainMapWrite() says what the kernel does: a writer two levels above', async () => {
  await using outer = await holdUserNamespace();
  writeFileSync(`/proc/${outer.pid}/uid_map`, '0 0 1000\n');
  writeFileSync(`/proc/${outer.pid}/gid_map`, '0 0 1000\n');
  await using inner = await holdUserNamespace({ prefix: ['nsenter', `--user=/proc/${outer.pid}/ns/user`] });
  const refusal = explainMapWrite('uid_map', '0 0 1\n', {
    ...byRoot,
    writer: { ...byRoot.writer, in: 'elsewhere' },
  });
  assert.equal(refusal?.cause, 'writer-elsewhere');
  assert.equal(writeAs(`/proc/${inner.pid}/uid_map`, '0 0 1\n'), refusal.errno);
});

test('explainMapWrite() agrees with the kernel on any text', async () => {
  const number = fc.oneof(
    fc.nat(20),
    fc.constantFrom(65536, 4_294_967_294, 4_294_967_295, 4_294_967_296, 99_999_999_999),
  );
  const line = fc
    .tuple(
      number,
      number,
      number,
      fc.constantFrom('', ' ', ' 1', ' x'),
      fc.constantFrom(' ', '  ', '\t', ','),
    )
    .map(([a, b, c, end, space]) => `${a}${space}${b}${space}${c}${end}`);
  const text = fc
    .tuple(fc.array(line, { minLength: 1, maxLength: 3 }), fc.constantFrom('', '\n', '\n\n'))
    .map(([all, end]) => all.join('\n') + end);
  const samples = fc.sample(text, 600);
  let taken = 0;
  let held = await holdUserNamespace();
  try {
    for (const sample of samples) {
      let errno: string | undefined;
      try {
        writeFileSync(`/proc/${held.pid}/uid_map`, sample);
      } catch (error) {
        errno = (error as NodeJS.ErrnoException).code;
      }
      assert.equal(explainMapWrite('uid_map', sample, byRoot)?.errno, errno, JSON.stringify(sample));
      if (errno !== undefined) continue;
      taken += 1;
      await held[Symbol.asyncDispose]();
      held = await holdUserNamespace();
    }
  } finally {
    await held[Symbol.asyncDispose]();
  }
  assert.ok(taken > 5, `${taken} were taken`);
});
