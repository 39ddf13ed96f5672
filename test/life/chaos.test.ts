/**
 * Bad luck: SIGKILL for whoever has a hand in a container, at any moment of anything that is done with it. Afterwards
 * nothing is left that nobody would find, and everything that survived can be listed, read, stopped and removed.
 *
 * `npm run test:chaos` does it a thousand times. WARREN_SEED, which is printed, repeats the choices (not the moments).
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync, readlinkSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { DetachedContainer } from '../../src/containers/index.js';
import { readCgroupHierarchies } from '../../src/runtime/host.js';
import { kindCount, type Operation, type Outcome } from '../support/chaos-worker.js';
import { startWarren, finish } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { takeTraces } from '../support/leaks.js';
import { stateEntries, testState } from '../support/state.js';
import { waitFor } from '../support/wait.js';

assertFakeHost();

const rounds = Number(process.env['WARREN_ROUNDS'] ?? 40);
const seed = Number(process.env['WARREN_SEED'] ?? Math.floor(Math.random() * 0x7fff_fffe) + 1);
/** After so many rounds everything must be accounted for, and is removed. */
const batch = 10;
/** Whoever takes longer for anything hangs. */
const HANG_MS = 60_000;

const state = testState();
const { store, root, rootfs } = state;
/** Groups are the machine's; below a parent of this run's own, all are ours. See test/limits/garbage.test.ts. */
const cgroupParent = `/run-${process.pid}-${Date.now()}/a/b/c`;
const parents = readCgroupHierarchies().map(({ mountPoint }) => mountPoint + cgroupParent);
after(async () => {
  await state[Symbol.asyncDispose]();
  for (const path of parents)
    for (let up = path; up.includes('/run-'); up = dirname(up)) if (existsSync(up)) rmdirSync(up);
});

const groups = (): string[] =>
  parents
    .filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

/** The same numbers for the same seed: Lehmer's generator. */
function makeRandom(first: number): { below(limit: number): number; pick<T>(from: readonly T[]): T } {
  let present = first % 0x7fff_ffff || 1;
  const next = (): number => (present = (present * 48_271) % 0x7fff_ffff) / 0x7fff_ffff;
  for (let warmUp = 0; warmUp < 8; warmUp++) next();
  return {
    below: (limit) => next() * limit,
    pick<T>(from: readonly T[]): T {
      return from[Math.floor(next() * from.length)] as T;
    },
  };
}

/** A child process that does what it is told with the library. */
class Worker {
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  constructor() {
    const script = join(import.meta.dirname, '../support/chaos-worker.js');
    this.child = spawn(process.execPath, [script, root, rootfs, cgroupParent], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.ended = once(this.child, 'exit');
    this.child.stdin?.on('error', () => undefined);
    this.#reader = createInterface(this.child.stdout ?? assert.fail());
    this.#lines = this.#reader[Symbol.asyncIterator]();
  }

  /** Until it says so. */
  async expect(word: string): Promise<void> {
    assert.equal((await this.#lines.next()).value, word);
  }

  /** @returns How it went; undefined where it was killed over it. */
  async carryOut(operation: Operation, begun?: () => void): Promise<Outcome | undefined> {
    this.child.stdin?.write(`${JSON.stringify(operation)}\n`);
    await this.#lines.next();
    begun?.();
    const { value, done } = (await this.#lines.next()) as { value: string; done?: boolean };
    return done === true ? undefined : (JSON.parse(value) as Outcome);
  }

  async end(): Promise<void> {
    this.child.stdin?.end();
    await this.ended;
    this.#reader.close();
  }
}

/** Processes of this fake host by what they are: launchers (monitors among them), and what runs in containers. */
function processes(): { launchers: number[]; members: number[] } {
  const launchers: number[] = [];
  const members: number[] = [];
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    try {
      if (readlinkSync(`/proc/${pid}/exe`).startsWith('/memfd:')) launchers.push(pid);
      else if (readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(cgroupParent)) members.push(pid);
    } catch {
      // Gone meanwhile.
    }
  }
  return { launchers, members };
}

function killOne(pids: readonly number[], random: ReturnType<typeof makeRandom>): void {
  const pid = random.pick(pids);
  try {
    if (pids.length > 0) process.kill(pid, 'SIGKILL');
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
  }
}

async function orHang<T>(what: string, promise: Promise<T>): Promise<T> {
  const patience = new AbortController();
  const late = delay(HANG_MS, undefined, { signal: patience.signal }).then(
    () => assert.fail(`seed ${seed}: it hangs: ${what}`),
    async () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    patience.abort();
  }
}

/** What there is to say to the one who comes second. */
const refusals = new Set([
  // Stopped before it was started.
  'ERR_CANCELLED',
  'ERR_CONTAINER_BUSY',
  'ERR_CONTAINER_NAME_TAKEN',
  'ERR_CONTAINER_NOT_FOUND',
  'ERR_CONTAINER_NOT_RUNNING',
  'ERR_CONTAINER_PAUSED',
  'ERR_CONTAINER_RUNNING',
]);

/** A kill may make anything fail, but in words of ours. Without one there are only refusals. */
function assertClear({ code, message }: Outcome, what: string, isQuiet: boolean): void {
  if (code === undefined || refusals.has(code)) return;
  assert.match(code, isQuiet ? /^a refusal$/ : /^ERR_/, `${what}: ${message}`);
}

const names = ['aa', 'bb', 'cc'];
type Verb = Operation['op'];
const verbs: readonly Verb[] = [
  ...(['run', 'run', 'run', 'run', 'create', 'start', 'start', 'stop', 'stop', 'kill', 'restart'] as const),
  ...(['pause', 'pause', 'unpause', 'remove', 'force', 'force', 'rename', 'rename', 'exec', 'exec'] as const),
  ...(['detached', 'attach', 'logs', 'prune', 'collect'] as const),
];

function chooseOperation(random: ReturnType<typeof makeRandom>): Operation {
  return {
    op: random.pick(verbs),
    name: random.pick(names),
    to: random.pick(names),
    kind: Math.floor(random.below(kindCount)),
  };
}

/** The same by the command line, for what it has. */
function commandLine({ op, name, kind, to }: Operation): string[] {
  const idle = ['sleep', '73302'];
  switch (op) {
    case 'run':
    case 'create':
      return [
        ...(op === 'run' ? ['run', '-d'] : ['create']),
        ...['--name', name, '--rootfs', rootfs, '--cgroup-parent', cgroupParent],
        ...(kind % 2 === 0 ? ['--rm'] : ['--restart', 'always']),
        ...(kind % 3 === 0 ? ['--pids-limit', '40'] : ['-t']),
        ...['--', ...idle],
      ];
    case 'stop':
    case 'restart':
      return [op, '-t', '0', name];
    case 'force':
    case 'remove':
      return op === 'force' ? ['rm', '-f', name] : ['rm', name];
    case 'rename':
      return ['rename', name, to];
    case 'detached':
      return ['exec', '-d', name, ...idle];
    case 'exec':
      return ['exec', name, 'seq', '1', '100'];
    case 'start':
    case 'kill':
    case 'pause':
    case 'unpause':
    case 'logs':
      return [op, name];
    default:
      return ['ps', '-a'];
  }
}

/** @returns The message of an error that a command printed and that is none of ours. */
function foreignError(stderr: string): string | undefined {
  return /^.*(TypeError|ReferenceError|RangeError|node:internal|^warren: E[A-Z]+: ).*$/m.exec(stderr)?.[0];
}

/** One after the other, everything that has survived is looked at, used and removed; then nothing may be left. */
async function accountForAll(where: string): Promise<void> {
  const describe = (text: string): string => `${where}: ${text}`;
  // What a monitor is just removing is nobody else's to collect.
  await waitFor(describe('what is being removed'), async () => {
    await orHang(describe('gc'), store.collectGarbage());
    return stateEntries(root).some((entry) => entry.startsWith('removing/')) ? undefined : true;
  });
  const { containers, damaged } = store.listAll();
  assert.deepEqual(damaged, [], describe('damaged'));
  const survivors = containers.map(({ record }) => record.name).sort();
  const expected = [
    ...containers.map(({ record }) => `containers/${record.id}`),
    ...survivors.map((name) => `names/${name}`),
  ].sort();
  const found = stateEntries(root).sort();
  // One that is removed when it ends may end just now.
  const mortal = containers.some(({ record }) => record.autoRemove);
  if (!mortal) assert.deepEqual(found, expected, describe('entries of the state directory'));
  for (const { record } of containers) {
    const container = await store.find(record.id).catch(unlessGone);
    if (!container) continue;
    await orHang(describe(`using ${record.name}`), useAndRemove(container)).catch((error: unknown) => {
      if (!record.autoRemove) throw error;
      unlessGone(error);
    });
  }
  await orHang(describe('gc'), store.collectGarbage());
  await waitFor(
    describe('an empty state directory'),
    () => stateEntries(root).length === 0 || undefined,
  ).catch(() => undefined);
  assert.deepEqual(stateEntries(root), [], describe('left in the state directory'));
  await waitFor('the groups to go', () => groups().length === 0 || undefined).catch(() => undefined);
  assert.deepEqual(groups(), [], describe('groups left'));
}

/** Groups and temporary files are the machine's: others come and go there. */
const ownTraces = (): string[] => takeTraces().filter((trace) => !/^(cgroup|file) /.test(trace));

async function assertNoneLeft(before: readonly string[]): Promise<void> {
  const known = new Set(before);
  const left = (): string[] => ownTraces().filter((trace) => !known.has(trace));
  // The members of a PID namespace whose init is gone go by and by.
  await waitFor('nothing to be left', () => left().length === 0 || undefined).catch(() => undefined);
  assert.deepEqual(left(), [], `seed ${seed}: left behind`);
}

async function useAndRemove(container: DetachedContainer): Promise<void> {
  await readAll(container);
  assert.equal((await store.find(container.name)).id, container.id);
  const { state: present } = container.status();
  if (present === 'paused') await container.unpause();
  if (present === 'created' || present === 'dead' || present === 'exited') await container.start();
  await container.stop({ timeoutMs: 0 });
  // Its monitor has told its end, and may still have the last word to write.
  await waitFor('its end to be written', () => container.status().state === 'exited' || undefined);
  await container.remove();
}

async function readAll(container: DetachedContainer): Promise<number> {
  let bytes = 0;
  for await (const { data } of container.logs()) bytes += data.length;
  return bytes;
}

function unlessGone(error: unknown): undefined {
  if ((error as { code?: string }).code !== 'ERR_CONTAINER_NOT_FOUND') throw error;
  return undefined;
}

test(`kill -9 at any moment, of anybody: nothing is lost, nothing is left (seed ${seed}, ${rounds} rounds)`, async () => {
  const random = makeRandom(seed);
  let worker = new Worker();
  await worker.expect('ready');
  // What only the first needs is no trace.
  await (await store.create(['true'], { rootfs, cgroupParent })).remove();
  await accountForAll('before');
  await worker.end();
  const before = ownTraces();
  worker = new Worker();
  // Also where a round fails.
  after(() => worker.child.kill('SIGKILL'));
  await worker.expect('ready');
  for (let round = 0; round < rounds; round++) {
    const operation = chooseOperation(random);
    const victim = random.pick(['actor', 'actor', 'launcher', 'member', 'nobody'] as const);
    const where = `seed ${seed}, round ${round}, ${JSON.stringify(operation)}, killed: ${victim}`;
    const byCommand = random.below(4) < 1;
    const patienceMs = random.below(byCommand ? 250 : 25);
    const strike = async (actor: ChildProcess): Promise<void> => {
      await delay(patienceMs);
      if (victim === 'actor') actor.kill('SIGKILL');
      else if (victim !== 'nobody') killOne(processes()[`${victim}s`], random);
    };
    if (byCommand) {
      const child = startWarren(commandLine(operation), { env: { ...state.env, WARREN_JSON: '1' } });
      child.stdin.end();
      const end = finish(child);
      await strike(child);
      const { stderr } = await orHang(where, end);
      assert.equal(foreignError(stderr), undefined, `${where}: ${stderr}`);
    } else {
      const struck: Promise<void>[] = [];
      const { child } = worker;
      const outcome = await orHang(
        where,
        worker.carryOut(operation, () => void struck.push(strike(child))),
      );
      await Promise.all(struck);
      if (outcome) assertClear(outcome, where, victim === 'nobody');
      if (victim === 'actor') {
        await worker.ended;
        worker = new Worker();
        await worker.expect('ready');
      }
    }
    assert.deepEqual(store.listAll().damaged, [], where);
    if (round % batch === batch - 1) await accountForAll(where);
  }
  await worker.end();
  await accountForAll(`seed ${seed}, at the end`);
  await assertNoneLeft(before);
});

test(`two processes at the same few names: one wins, the other says why (seed ${seed})`, async () => {
  const random = makeRandom(seed + 1);
  const before = ownTraces();
  const workers = [new Worker(), new Worker(), new Worker()];
  after(() => workers.forEach(({ child }) => child.kill('SIGKILL')));
  const counts = new Map<string, number>();
  const busy = workers.map(async (worker, index) => {
    await worker.expect('ready');
    for (let turn = 0; turn < rounds * 2; turn++) {
      const operation = chooseOperation(random);
      const outcome = await orHang(`${index}: ${JSON.stringify(operation)}`, worker.carryOut(operation));
      assert.ok(outcome, 'a worker has ended');
      const { code = 'done' } = outcome;
      counts.set(code, (counts.get(code) ?? 0) + 1);
      assertClear(outcome, `seed ${seed}, turn ${turn}: ${JSON.stringify(operation)}`, true);
    }
  });
  await Promise.all(busy);
  for (const code of ['done', 'ERR_CONTAINER_NOT_FOUND', 'ERR_CONTAINER_NAME_TAKEN'])
    assert.ok(counts.has(code), JSON.stringify([...counts]));
  await Promise.all(workers.map(async (worker) => worker.end()));
  await accountForAll(`seed ${seed}`);
  await assertNoneLeft(before);
});
