// Bundles src/cli into dist/bundle: main.js, read by cli.cjs, which adds V8's code cache. CommonJS, because
// loading an ES module costs Node about 7 ms more than loading a script.
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const outDir = join(process.argv[2] ?? 'dist', 'bundle');

await mkdir(outDir, { recursive: true });
await build({
  entryPoints: ['src/cli/main.ts'],
  outfile: join(outDir, 'main.js'),
  bundle: true,
  platform: 'node',
  target: 'node20.12',
  format: 'cjs',
  // ASCII only, so that the loader can read it as one-byte text.
  charset: 'ascii',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  sourcemap: false,
  // Everything is in this one file; parts that are imported dynamically run only when they are asked for.
  supported: { 'dynamic-import': false },
  // dist/bundle is as deep as dist/native and dist/runtime: relative paths from import.meta.url mean the same.
  define: { 'import.meta.url': '__bundleUrl' },
  banner: { js: '(function(exports,require,module,__filename,__dirname,__bundleUrl){' },
  footer: { js: '})' },
  logLevel: 'warning',
});
await copyFile('scripts/cli.cjs', join(outDir, 'cli.cjs'));
