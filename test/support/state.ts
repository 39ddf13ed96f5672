import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openContainers, type ContainerStore } from '../../src/containers/index.js';
import { busyboxRootfs } from './rootfs.js';

export interface TestState extends AsyncDisposable {
  readonly root: string;
  readonly store: ContainerStore;
  /** A root file system of busybox. */
  readonly rootfs: string;
  /** For the command line. */
  readonly env: NodeJS.ProcessEnv;
  /** Removes all containers, whatever they are doing. */
  clear(): Promise<void>;
}

/** A state directory of its own; what lives in it is ended with it. @param parent Where it is made. */
export function testState(parent = tmpdir()): TestState {
  const root = mkdtempSync(join(parent, 'warren-state-'));
  const store = openContainers(root);
  const small = busyboxRootfs();
  const clear = async (): Promise<void> => {
    await Promise.all(store.ids().map(async (id) => store.removeDamaged(id).catch(() => undefined)));
  };
  return {
    root,
    clear,
    store,
    rootfs: small.path,
    env: { ...process.env, WARREN_STATE: root },
    async [Symbol.asyncDispose]() {
      for (const id of store.ids())
        await (await store.find(id)).remove({ force: true }).catch(() => undefined);
      small[Symbol.dispose]();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** What is in the state directory besides its fixed parts and the events: nothing, when all containers are removed. */
export function stateEntries(root: string): string[] {
  return ['containers', 'names', 'making', 'removing'].flatMap((part) =>
    readdirSync(join(root, part)).map((name) => `${part}/${name}`),
  );
}
