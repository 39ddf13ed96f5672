// Turns the result of `warren sysctl census --json` into the data that Warren ships.
//
//   node scripts/sysctl-measured.mjs CENSUS.json 'Debian 12, cloud kernel' >src/kernel/sysctl-measured-SERIES.ts
import { readFileSync } from 'node:fs';

const [file, name = ''] = process.argv.slice(2);
const { kernel, entries, absent, inherit } = JSON.parse(readFileSync(file, 'utf8'));
const series = /^\d+\.\d+/.exec(kernel)[0];

const groups = new Map();
for (const [key, { access, userAccess, origin, leaks }] of Object.entries(entries)) {
  const id = JSON.stringify([access, userAccess, origin, leaks]);
  const group = groups.get(id) ?? { access, userAccess, origin, leaks, keys: [] };
  groups.set(id, group);
  group.keys.push(key);
}
const text = (value) => (value === undefined ? 'undefined' : JSON.stringify(value));
const group = ({ access, userAccess, origin, leaks, keys }) => `{
  access: ${text(access)}, userAccess: ${text(userAccess)}, origin: ${text(origin)}, leaks: ${text(leaks)},
  keys: ${text(keys)},
}`;
const byCount = [...groups.values()].sort((a, b) => b.keys.length - a.keys.length);
process.stdout.write(`/** Written by scripts/sysctl-measured.mjs from a census. */
import type { MeasuredKernel } from './sysctl-measured.js';

export const measured${series.replace('.', '_')}: MeasuredKernel = {
  release: ${text(kernel)}, series: ${text(series)}, name: ${text(name)},
  groups: [${byCount.map(group).join(', ')}],
  absent: ${text(absent)},
  inherit: [${inherit.map(({ setting, ipv4, ipv6 }) => `{ setting: ${setting}, ipv4: ${text(ipv4)}, ipv6: ${text(ipv6)} }`).join(', ')}],
};
`);
