// Bundles src/cli into dist/bundle: main.js, read by cli.cjs, which adds V8's code cache. CommonJS, because
// loading an ES module costs Node about 7 ms more than loading a script.
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const outDir = join(process.argv[2] ?? 'dist', 'bundle');

/** The default system-call filters, compiled now instead of at every start: see src/kernel/seccomp/precompiled.ts. */
const precompiled = {
  name: 'precompiled-filters',
  setup(build) {
    build.onLoad({ filter: /seccomp\/precompiled\.ts$/ }, async () => {
      const compiled = join(process.cwd(), process.argv[2] ?? 'dist', 'kernel');
      const { defaultSeccompFilter, filterKey } = await import(join(compiled, 'seccomp/default-filter.js'));
      const { seccompCapabilities } = await import(join(compiled, 'seccomp/default-policy.js'));
      const { defaultCapabilities } = await import(join(compiled, 'capabilities.js'));
      const capabilities = seccompCapabilities.filter((name) => defaultCapabilities.includes(name));
      const kernel = [5, 12];
      const filters = ['x86_64', 'arm64'].map((arch) => [
        filterKey(arch, kernel, capabilities),
        Buffer.from(defaultSeccompFilter({ capabilities, arch, kernel })).toString('base64'),
      ]);
      return {
        contents: `export const precompiledFilters = ${JSON.stringify(Object.fromEntries(filters))};`,
      };
    });
  },
};

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
  plugins: [precompiled],
});
await copyFile('scripts/cli.cjs', join(outDir, 'cli.cjs'));
