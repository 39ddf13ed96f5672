import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ExecFile, type ExecProcess, capabilitiesAfterExec } from './exec-capabilities.js';
import { securebitNumbers } from './securebits.js';

const bounding = 0b1111n;
const sets = { inheritable: 0n, permitted: 0n, effective: 0n, bounding, ambient: 0n };
const user: ExecProcess = {
  uid: { real: 1000, effective: 1000 },
  gid: { real: 1000, effective: 1000 },
  groups: [],
  capabilities: sets,
  securebits: 0,
  noNewPrivileges: false,
  rootIds: [0],
};
const root: ExecProcess = { ...user, uid: { real: 0, effective: 0 }, gid: { real: 0, effective: 0 } };
const plain: ExecFile = { nosuid: false };
const withCaps = (permitted: bigint, effective = true, inheritable = 0n): ExecFile => ({
  nosuid: false,
  capabilities: { permitted, inheritable, effective },
});

/** permitted and effective, as numbers. */
function after(process: ExecProcess, file: ExecFile): [permitted: bigint, effective: bigint] {
  const { capabilities } = capabilitiesAfterExec(process, file);
  return [capabilities.permitted, capabilities.effective];
}

test('capabilitiesAfterExec() gives root the bounding and the inheritable set', () => {
  const inheritable = { ...root, capabilities: { ...sets, inheritable: 0b10000n } };
  assert.deepEqual(after(root, plain), [0b1111n, 0b1111n]);
  assert.deepEqual(after(inheritable, plain), [0b11111n, 0b11111n]);
  assert.deepEqual(after({ ...root, securebits: securebitNumbers.NOROOT }, plain), [0n, 0n]);
});

test('capabilitiesAfterExec() takes all from a user, but for the ambient set', () => {
  const held = { ...user, capabilities: { ...sets, permitted: 0b11n, effective: 0b11n, inheritable: 0b11n } };
  assert.deepEqual(after(held, plain), [0n, 0n]);
  assert.deepEqual(after({ ...held, capabilities: { ...held.capabilities, ambient: 0b10n } }, plain), [
    0b10n,
    0b10n,
  ]);
});

test('capabilitiesAfterExec() adds what the file permits within the bounding set, effective only where it says so', () => {
  assert.deepEqual(after(user, withCaps(0b1n)), [0b1n, 0b1n]);
  assert.deepEqual(after(user, withCaps(0b1n, false)), [0b1n, 0n]);
  assert.deepEqual(after(user, withCaps(0b10001n, false)), [0b1n, 0n]);
});

test('capabilitiesAfterExec() refuses an effective file that would get less than it must have, for root too', () => {
  assert.equal(capabilitiesAfterExec(user, withCaps(0b10001n)).refused, true);
  assert.equal(capabilitiesAfterExec(root, withCaps(0b10001n)).refused, true);
  assert.equal(capabilitiesAfterExec(root, withCaps(0b1n)).refused, false);
});

test('capabilitiesAfterExec() counts the file’s inheritable only where the process has it too', () => {
  const file = withCaps(0n, true, 0b11n);
  assert.deepEqual(after(user, file), [0n, 0n]);
  assert.deepEqual(after({ ...user, capabilities: { ...sets, inheritable: 0b10n } }, file), [0b10n, 0b10n]);
});

test('capabilitiesAfterExec() makes a set-user-ID root program root, unless it has capabilities of its own', () => {
  assert.deepEqual(after(user, { ...plain, setUid: 0 }), [0b1111n, 0b1111n]);
  assert.equal(capabilitiesAfterExec(user, { ...plain, setUid: 0 }).effectiveUid, 0);
  assert.deepEqual(after(user, { ...withCaps(0b1n), setUid: 0 }), [0b1n, 0b1n]);
  assert.deepEqual(after(root, { ...withCaps(0b1n), setUid: 0 }), [0b1111n, 0b1111n]);
});

test('capabilitiesAfterExec() gives a real, not effective, root permitted only', () => {
  const dropped = { ...user, uid: { real: 0, effective: 1000 } };
  assert.deepEqual(after(dropped, plain), [0b1111n, 0n]);
});

test('capabilitiesAfterExec() gives nothing new with no_new_privs, nor from a nosuid mount', () => {
  const held = { ...sets, permitted: 0b1n };
  const file = { ...withCaps(0b11n), setUid: 0 };
  assert.deepEqual(after({ ...user, noNewPrivileges: true, capabilities: held }, file), [0b1n, 0b1n]);
  assert.deepEqual(after({ ...user, capabilities: held }, { ...file, nosuid: true }), [0n, 0n]);
});

test('capabilitiesAfterExec() counts version 3 only below the user namespace of its root', () => {
  const file: ExecFile = {
    nosuid: false,
    capabilities: { permitted: 1n, inheritable: 0n, effective: true, rootId: 100000 },
  };
  assert.deepEqual(after(user, file), [0n, 0n]);
  assert.deepEqual(after({ ...user, rootIds: [200000, 100000, 0] }, file), [1n, 1n]);
});

test('capabilitiesAfterExec() clears the ambient set where the file is privileged, and KEEP_CAPS always', () => {
  const ambient = {
    ...user,
    securebits: 0xff,
    capabilities: { ...sets, inheritable: 3n, permitted: 3n, ambient: 3n },
  };
  for (const file of [withCaps(0n), { ...plain, setUid: 1 }, { ...plain, setGid: 1 }]) {
    assert.equal(capabilitiesAfterExec(ambient, file).capabilities.ambient, 0n);
  }
  assert.equal(capabilitiesAfterExec(ambient, plain).capabilities.ambient, 3n);
  assert.equal(capabilitiesAfterExec(ambient, plain).securebits, 0xff & ~securebitNumbers.KEEP_CAPS);
});

test('capabilitiesAfterExec() never gives a user more than bounding, inheritable and ambient set hold', () => {
  const mask = fc.bigInt({ min: 0n, max: 255n });
  const flags = fc.record({ noNewPrivileges: fc.boolean(), securebits: fc.nat(255) });
  fc.assert(
    fc.property(
      mask,
      mask,
      mask,
      mask,
      mask,
      fc.boolean(),
      flags,
      (bound, inh, perm, filePerm, fileInh, eff, more) => {
        const process = {
          ...user,
          ...more,
          capabilities: { ...sets, bounding: bound, inheritable: inh, permitted: perm },
        };
        const { capabilities, refused } = capabilitiesAfterExec(process, withCaps(filePerm, eff, fileInh));
        if (refused) return;
        assert.equal(capabilities.permitted & ~(bound | inh), 0n);
        assert.equal(capabilities.effective & ~capabilities.permitted, 0n);
        if (more.noNewPrivileges) assert.equal(capabilities.permitted & ~perm, 0n);
      },
    ),
  );
});
