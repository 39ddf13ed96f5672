import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { openContainers } from '../../src/containers/index.js';
import { finish, repositoryRoot } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { assertNoTraces, takeTraces } from '../support/leaks.js';

assertFakeHost();

interface Example {
  readonly title: string;
  readonly code: string;
  /** What its `// →` comments say. */
  readonly output: readonly string[];
}

/** The ```ts blocks of a page, named after their headings. */
function examplesOf(page: string): Example[] {
  const text = readFileSync(join(repositoryRoot, 'docs', page), 'utf8');
  const counts = new Map<string, number>();
  let heading = '';
  return [...text.matchAll(/^#+ (.*)$|^```ts\n([\s\S]*?)^```$/gm)].flatMap(([, title, code]) => {
    if (code === undefined) {
      heading = title ?? '';
      return [];
    }
    const number = (counts.get(heading) ?? 0) + 1;
    counts.set(heading, number);
    const output = [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, line = '']) => line);
    return [{ title: `${heading}, example ${number}`, code, output }];
  });
}

/** As JavaScript for this Node.js, with `warren` being the built package. */
function toModule(code: string): string {
  const { outputText, diagnostics = [] } = ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    reportDiagnostics: true,
  });
  assert.deepEqual(diagnostics, []);
  const exports = (
    JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')) as {
      exports: Record<string, string>;
    }
  ).exports;
  return outputText.replace(/from 'warren(\/[a-z]+)?'/g, (_, entry: string | undefined) => {
    const file = exports[`.${entry ?? ''}`] ?? assert.fail(`warren${entry} is no entry of the package`);
    return `from '${pathToFileURL(join(repositoryRoot, file)).href}'`;
  });
}

/** With a state directory of its own: containers that an example leaves are seen, and removed. */
async function withState<T>(use: (env: NodeJS.ProcessEnv) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), 'warren-examples-'));
  const store = openContainers(root);
  try {
    const result = await use({ ...process.env, WARREN_STATE: root });
    assert.deepEqual(store.ids(), [], 'it leaves containers');
    return result;
  } finally {
    for (const id of store.ids()) await store.removeDamaged(id);
    rmSync(root, { recursive: true, force: true });
  }
}

const pages = [
  'library.md',
  'library-containers.md',
  'netlink.md',
  'networks.md',
  'sysctl.md',
  'namespaces.md',
  'capabilities.md',
  'ids.md',
];
const examples = pages.flatMap((page) => examplesOf(page).map((example) => ({ page, ...example })));

test('the pages on the library have examples that print', () => {
  assert.ok(examples.length >= 10);
  for (const { title, output } of examples) assert.ok(output.length > 0, title);
});

for (const { page, title, code, output } of examples) {
  test(`docs/${page}: ${title} prints what it says, and leaves nothing`, async () => {
    const before = takeTraces();
    const result = await withState(async (env) => {
      const child = spawn(process.execPath, ['--input-type=module', '-'], { env });
      child.stdin.end(toModule(code));
      return finish(child);
    });
    assert.deepEqual(
      { code: result.code, stderr: result.stderr, lines: result.stdout.trimEnd().split('\n') },
      { code: 0, stderr: '', lines: output },
    );
    await assertNoTraces(before);
  });
}
