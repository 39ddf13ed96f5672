import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../../../test/support/cli.js';
import { measuredKernels } from '../../kernel/sysctl-measured.js';
import { sysctlTables } from './document.js';

/** Without what prettier does to tables. */
const plain = (text: string): string => text.replace(/-{2,}/g, '-').replace(/\s+/g, ' ').trim();

test('docs/sysctl.md has the tables of the data; write them anew with scripts/sysctl-docs.mjs', () => {
  const page = readFileSync(join(repositoryRoot, 'docs/sysctl.md'), 'utf8');
  const written = /<!-- tables:.*?-->(.*)<!-- end of tables -->/s.exec(page)?.[1] ?? assert.fail('no tables');
  assert.equal(plain(written), plain(sysctlTables()));
});

test('sysctlTables() has a row for every key that any census found', () => {
  const tables = sysctlTables();
  for (const { groups } of measuredKernels)
    for (const key of groups.flatMap((group) => group.keys)) {
      const name = key.replace(/^(net\/ipv[46]\/(?:conf|neigh)\/)[^/]+/, '$1*').replaceAll('/', '.');
      if (name !== 'net.nf_conntrack_max') assert.ok(tables.includes(`\`${name}\``), name);
    }
});
