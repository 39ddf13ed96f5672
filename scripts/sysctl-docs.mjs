// Writes the tables of docs/sysctl.md anew, from what is built: npm run build && node scripts/sysctl-docs.mjs [DIST]
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format, resolveConfig } from 'prettier';

const page = 'docs/sysctl.md';
const dist = resolve(process.argv[2] ?? 'dist');
const { sysctlTables } = await import(pathToFileURL(`${dist}/explore/sysctl/document.js`).href);
const [before, , after] = readFileSync(page, 'utf8').split(/<!-- tables:.*?-->|<!-- end of tables -->/);
const text = `${before}<!-- tables: written by scripts/sysctl-docs.mjs -->\n\n${sysctlTables()}\n<!-- end of tables -->${after}`;
writeFileSync(page, await format(text, { ...(await resolveConfig(page)), filepath: page }));
