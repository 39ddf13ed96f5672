import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { repositoryRoot } from '../test/support/cli.js';
import { errorKinds } from './errors.js';
import { runOptionTable } from './cli/commands/run-options.js';

const page = (name: string): string => readFileSync(join(repositoryRoot, 'docs', name), 'utf8');

/** Codes in quotes; those of Node.js itself are not ours. */
function codesInSources(): string[] {
  const sources = readdirSync(join(repositoryRoot, 'src'), { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'),
  );
  const codes = sources.flatMap((path) =>
    [
      ...readFileSync(join(repositoryRoot, 'src', path), 'utf8').matchAll(
        /['`](ERR_[A-Z][A-Z0-9_]*[A-Z0-9])['`]/g,
      ),
    ].map(([, code = '']) => code),
  );
  return [...new Set(codes)].filter((code) => !code.startsWith('ERR_STREAM_')).sort();
}

describe('docs/errors.md', () => {
  test('lists every error code of the sources, and no other', () => {
    const listed = [...page('errors.md').matchAll(/^\| `(ERR_[A-Z0-9_]+)` +\|/gm)].map(
      ([, code = '']) => code,
    );
    assert.equal(new Set(listed).size, listed.length, 'a code is listed twice');
    assert.deepEqual(listed.sort(), codesInSources());
  });

  test('names every kind of error', () => {
    for (const kind of errorKinds) assert.ok(page('errors.md').includes(`\`${kind}\``), kind);
  });
});

describe('docs/run.md', () => {
  test('tells of every option of warren run', () => {
    const text = page('run.md');
    for (const name of Object.keys(runOptionTable)) {
      assert.match(text, new RegExp(`\`(?:-\\w, )?--${name}\\b`), `--${name} is not in docs/run.md`);
    }
  });

  test('tells of no option that there is not', () => {
    const known = new Set([...Object.keys(runOptionTable), 'help']);
    const told = [...page('run.md').matchAll(/`(?:-\w, )?--([a-z][a-z-]*)/g)].map(([, name = '']) => name);
    assert.deepEqual([...new Set(told.filter((name) => !known.has(name)))], []);
  });
});

test('the pages of the documentation link to files that are there', () => {
  const pages = [
    'README.md',
    'CHANGELOG.md',
    ...readdirSync(join(repositoryRoot, 'docs')).map((name) => `docs/${name}`),
  ];
  for (const name of pages.filter((path) => path.endsWith('.md'))) {
    const text = readFileSync(join(repositoryRoot, name), 'utf8');
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)) {
      assert.doesNotThrow(() => readFileSync(join(repositoryRoot, name, '..', target)), `${name}: ${target}`);
    }
  }
});
