/**
 * A process that uses the library, to be killed. Each line of its input is an operation, `{"op": "run", "name": "a", …}`; it
 * prints `begin` before it, and how it went after it.
 *
 *   node chaos-worker.js STATE ROOTFS CGROUP-PARENT
 */
import { createInterface } from 'node:readline';
import { openContainers, type CreateOptions, type DetachedContainer } from '../../src/containers/index.js';
import { WarrenError } from '../../src/errors.js';

export interface Operation {
  readonly op: keyof typeof operations;
  readonly name: string;
  readonly kind: number;
  /** `rename` only. */
  readonly to: string;
}

export interface Outcome {
  /** undefined: it was done. */
  readonly code: string | undefined;
  readonly message: string;
}

const [root = '', rootfs = '', cgroupParent = ''] = process.argv.slice(2);
const store = openContainers(root);
/** What is not ended by its own is a `sleep` of this length, so that a test can tell what it sees. */
const idle = 'sleep 73301';

/** What a container may be like. */
const kinds: readonly [script: string, options: CreateOptions][] = [
  [`exec ${idle}`, {}],
  ['trap "exit 3" TERM; while :; do sleep 0.05; done', { limits: { pids: 40 } }],
  // A log that is begun anew every few milliseconds.
  ['while :; do seq 1 400; sleep 0.01; done', { log: { maxSizeBytes: 4096, maxFiles: 3 } }],
  ['sleep 0.02; exit 1', { restart: 'always' }],
  ['sleep 0.05', { autoRemove: true }],
  [`exec ${idle}`, { tty: true, openStdin: true }],
  [`setsid ${idle} & exec ${idle}`, { uidMap: ['0:100000:65536'], init: true }],
  [`setsid ${idle} & exec ${idle}`, { pid: 'host' }],
];
export const kindCount = kinds.length;

const find = async (name: string): Promise<DetachedContainer> => store.find(name);
const operations = {
  async run({ name, kind }: Operation) {
    const [script, options] = kinds[kind % kinds.length] ?? ['', {}];
    await store.run(['sh', '-c', script], { rootfs, cgroupParent, ...options, name });
  },
  async create({ name, kind }: Operation) {
    const [script, options] = kinds[kind % kinds.length] ?? ['', {}];
    await store.create(['sh', '-c', script], { rootfs, cgroupParent, ...options, name });
  },
  start: async ({ name }: Operation) => (await find(name)).start(),
  stop: async ({ name }: Operation) => (await find(name)).stop({ timeoutMs: 20 }),
  kill: async ({ name }: Operation) => (await find(name)).kill(),
  restart: async ({ name }: Operation) => (await find(name)).restart({ timeoutMs: 20 }),
  pause: async ({ name }: Operation) => (await find(name)).pause(),
  unpause: async ({ name }: Operation) => (await find(name)).unpause(),
  remove: async ({ name }: Operation) => (await find(name)).remove(),
  force: async ({ name }: Operation) => (await find(name)).remove({ force: true }),
  rename: async ({ name, to }: Operation) => (await find(name)).rename(to),
  exec: async ({ name }: Operation) =>
    (await find(name)).exec(['sh', '-c', 'seq 1 100; sleep 0.01'], { rejectOnFailure: false }),
  detached: async ({ name }: Operation) => (await find(name)).spawnDetached(['sh', '-c', idle]),
  async attach({ name }: Operation) {
    const attachment = await (await find(name)).attach();
    attachment.resize(30, 90);
    attachment.close();
  },
  async logs({ name }: Operation) {
    const lines = (await find(name)).logs()[Symbol.asyncIterator]();
    while ((await lines.next()).done !== true);
  },
  list: async () => store.list(),
  prune: async () => store.prune(),
  collect: async () => store.collectGarbage(),
} as const;

function outcomeOf(error: unknown): Outcome {
  if (error instanceof WarrenError) return { code: error.code, message: error.message };
  return {
    code: 'no WarrenError',
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

if (process.argv[1] === import.meta.filename) {
  console.log('ready');
  for await (const line of createInterface(process.stdin)) {
    const operation = JSON.parse(line) as Operation;
    console.log('begin');
    const outcome = await operations[operation.op](operation).then(
      (): Outcome => ({ code: undefined, message: '' }),
      outcomeOf,
    );
    console.log(JSON.stringify(outcome));
  }
  process.exit();
}
