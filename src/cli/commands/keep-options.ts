import type { OptionTable, OptionValues } from '../options.js';

const group = 'Keeping it';

/** The options of `run` and `create` that are about a container which lives on, or is found again. */
export const keepOptionTable = {
  detach: {
    kind: 'flag',
    short: 'd',
    help: 'leave it running, and print its id',
    group,
  },
  name: { kind: 'value', placeholder: 'NAME', help: 'what to call it (default: two words)', group },
  label: {
    kind: 'list',
    short: 'l',
    placeholder: 'KEY[=VALUE]',
    help: 'something to find it by: warren ps --filter label=KEY',
    group,
  },
  'label-file': {
    kind: 'list',
    placeholder: 'FILE',
    complete: 'file',
    help: 'labels, one a line',
    group,
  },
  cidfile: {
    kind: 'value',
    placeholder: 'FILE',
    complete: 'file',
    help: 'write its id to FILE, which must not exist',
    group,
  },
  restart: {
    kind: 'value',
    placeholder: 'POLICY',
    complete: ['no', 'always', 'on-failure', 'on-failure:3'],
    help: 'start it again when it has ended: no, always, on-failure[:N] (default no)',
    group,
  },
  rm: { kind: 'flag', help: 'remove it when it ends', group },
  'log-opt': {
    kind: 'list',
    placeholder: 'KEY=VALUE',
    complete: ['max-size=', 'max-file='],
    help: 'max-size=BYTES of one log file (default 20m), max-file=N (default 5)',
    group,
  },
  'detach-keys': {
    kind: 'value',
    placeholder: 'KEYS',
    help: 'what leaves the container while it runs (default ctrl-p,ctrl-q)',
    group,
  },
  'sig-proxy': { kind: 'flag', help: 'pass signals on to it (default true)', group },
} as const satisfies OptionTable;

export type KeepValues = OptionValues<typeof keepOptionTable>;

/** Whether a container is wanted that can be found again. In the foreground nothing is, by default: that is the faster way. */
export function isKept(values: KeepValues): boolean {
  const { detach, name, label, cidfile, restart } = values;
  const others = [name, label, values['label-file'], cidfile, restart, values['log-opt']];
  return detach === true || others.some((value) => value !== undefined);
}
