// The first file that runs: loads the bundled command line with V8's code cache, which saves parsing and compiling it.
// V8 itself checks that the cache fits this bundle, its own version and its flags, and ignores it otherwise.
'use strict';
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { pathToFileURL } = require('node:url');
const { Script } = require('node:vm');

/** Compiles the bundle next to this file; returns the script and the bundle's exports. */
function load(cacheFile) {
  const filename = join(__dirname, 'main.js');
  let cachedData;
  try {
    cachedData = readFileSync(join(__dirname, cacheFile));
  } catch {
    // No cache was made for this Node: compile as usual.
  }
  const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData });
  const bundle = { exports: {} };
  script
    .runInThisContext()
    .call(bundle.exports, bundle.exports, require, bundle, filename, __dirname, pathToFileURL(filename).href);
  return { script, exports: bundle.exports };
}

if (require.main === module) {
  void load('main.cache').exports.main(process.argv.slice(2));
} else {
  module.exports = { load };
}
