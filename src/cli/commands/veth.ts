import { invalid, quote } from '../../errors.js';
import { defineCommand } from '../command.js';
import { STDOUT, writeText } from '../output.js';

/** `warren veth IFACE`. */
export const vethCommand = defineCommand({
  name: 'veth',
  summary: 'Say where the other end of a veth is: in which container, process or namespace.',
  usage: ['[OPTIONS] [IFACE…]'],
  options: { json: { kind: 'flag', help: 'print one JSON array', group: 'Options' } },
  names: ['device'],
  notes: `
Without a name, of every veth here. The end is found by the number that this namespace has for the other (link-netnsid)
and by its index there, so names may mean anything. The other way round: warren netns peer CONTAINER.`,
  async run({ values, operands, afterDashes = [] }) {
    const names = [...operands, ...afterDashes];
    const { readNetnsViews } = await import('../netns/places.js');
    const { peersOf } = await import('../netns/peers.js');
    const views = await readNetnsViews();
    const here = views.find(({ isOurs }) => isOurs);
    const all = here ? await peersOf(here, views) : [];
    const missing = names.find((name) => !all.some(({ device }) => device === name));
    if (missing !== undefined) {
      throw invalid(
        'ERR_VETH',
        `Cannot find the other end of ${quote(missing)}`,
        'it is no veth of this namespace, or its other end is where we cannot look',
        'warren veth shows those that are found',
      );
    }
    const found = names.length === 0 ? all : all.filter(({ device }) => names.includes(device));
    writeText(
      STDOUT,
      values.json === true
        ? `${JSON.stringify(found)}\n`
        : found.map(({ device, text }) => `${device} ↔ ${text}\n`).join(''),
    );
    return 0;
  },
});
