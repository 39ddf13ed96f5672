// Writes DIR/main.cache: the bundle's functions that a `warren run` needs, compiled by this Node with these flags.
//   node [FLAGS] scripts/code-cache.cjs DIR
'use strict';
const { writeFileSync } = require('node:fs');
const { join, resolve } = require('node:path');

const dir = resolve(process.argv[2] ?? 'dist/bundle');
const { load } = require(join(dir, 'cli.cjs'));

async function warmUp() {
  const { script, exports } = load('no such file');
  // Used functions are what the cache holds: those of a typical start. Where it is not allowed, what comes before it counts.
  await exports.dispatch(['run', '--', 'true']).catch(() => {});
  writeFileSync(join(dir, 'main.cache'), script.createCachedData());
}

void warmUp();
