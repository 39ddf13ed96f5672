/**
 * Fields of extension headers and options, by nft's names: facts of RFC 8200, 8754, 6275, 791, 2113, 9293, 7323, 2018, 8684
 * and 9260. Bits are counted from the begin of the header or option.
 */
import { type DataType } from './datatypes.js';
import { type BitField } from './fields.js';

interface Extension {
  readonly name: string;
  readonly fields: readonly BitField[];
}

type Row = readonly [name: string, offset: number, length: number, type?: DataType];
type Extensions = ReadonlyMap<number, Extension>;

function extensions(all: Readonly<Record<number, readonly [string, readonly Row[]]>>): Extensions {
  return new Map(
    Object.entries(all).map(([number, [name, rows]]) => [
      Number(number),
      {
        name,
        // Names with a blank are whole: those of another version of the same header.
        fields: rows.map(([field, offset, length, type = 'integer']) => ({
          name: field.includes(' ') ? field : `${name} ${field}`,
          offset,
          length,
          type,
        })),
      },
    ]),
  );
}

const header: readonly Row[] = [
  ['nexthdr', 0, 8, 'inet_proto'],
  ['hdrlength', 8, 8],
];

const ipv6 = extensions({
  0: ['hbh', header],
  43: [
    'rt',
    [
      ...header,
      ['type', 16, 8],
      ['seg-left', 24, 8],
      ['srh last-entry', 32, 8],
      ['srh flags', 40, 8],
      ['srh tag', 48, 16],
      ['srh sid[1]', 64, 128, 'ipv6_addr'],
      ['srh sid[2]', 192, 128, 'ipv6_addr'],
    ],
  ],
  44: [
    'frag',
    [
      ['nexthdr', 0, 8, 'inet_proto'],
      ['reserved', 8, 8],
      ['frag-off', 16, 13],
      ['reserved2', 29, 2],
      ['more-fragments', 31, 1],
      ['id', 32, 32],
    ],
  ],
  60: ['dst', header],
  135: [
    'mh',
    [
      ['nexthdr', 0, 8, 'inet_proto'],
      ['hdrlength', 8, 8],
      ['type', 16, 8, 'mh_type'],
      ['reserved', 24, 8],
      ['checksum', 32, 16],
    ],
  ],
});

const option: readonly Row[] = [
  ['type', 0, 8],
  ['length', 8, 8],
];
const pointer: readonly Row[] = [...option, ['ptr', 16, 8], ['addr', 24, 32, 'ipv4_addr']];

const ipv4 = extensions({
  7: ['rr', pointer],
  131: ['lsrr', pointer],
  137: ['ssrr', pointer],
  148: ['ra', [...option, ['value', 16, 16]]],
});

const kind: Row = ['kind', 0, 8];
const kindLength: readonly Row[] = [kind, ['length', 8, 8]];

const tcpopt = extensions({
  0: ['eol', [kind]],
  1: ['nop', [kind]],
  2: ['maxseg', [...kindLength, ['size', 16, 16]]],
  3: ['window', [...kindLength, ['count', 16, 8]]],
  4: ['sack-perm', kindLength],
  5: [
    'sack',
    [
      ...kindLength,
      ['left', 16, 32],
      ['right', 48, 32],
      ['sack1 left', 80, 32],
      ['sack1 right', 112, 32],
      ['sack2 left', 144, 32],
      ['sack2 right', 176, 32],
      ['sack3 left', 208, 32],
      ['sack3 right', 240, 32],
    ],
  ],
  8: ['timestamp', [...kindLength, ['tsval', 16, 32], ['tsecr', 48, 32]]],
  19: ['md5sig', kindLength],
  30: ['mptcp', [...kindLength, ['subtype', 16, 4]]],
  34: ['fastopen', kindLength],
});

const chunk: readonly Row[] = [
  ['type', 0, 8],
  ['flags', 8, 8],
  ['length', 16, 16],
];
const initiation: readonly Row[] = [
  ...chunk,
  ['init-tag', 32, 32],
  ['a-rwnd', 64, 32],
  ['num-outbound-streams', 96, 16],
  ['num-inbound-streams', 112, 16],
  ['initial-tsn', 128, 32],
];

const sctp = extensions({
  0: ['data', [...chunk, ['tsn', 32, 32], ['stream', 64, 16], ['ssn', 80, 16], ['ppid', 96, 32]]],
  1: ['init', initiation],
  2: ['init-ack', initiation],
  3: [
    'sack',
    [
      ...chunk,
      ['cum-tsn-ack', 32, 32],
      ['a-rwnd', 64, 32],
      ['num-gap-ack-blocks', 96, 16],
      ['num-dup-tsns', 112, 16],
    ],
  ],
  4: ['heartbeat', chunk],
  5: ['heartbeat-ack', chunk],
  6: ['abort', chunk],
  7: ['shutdown', [...chunk, ['cum-tsn-ack', 32, 32]]],
  8: ['shutdown-ack', chunk],
  9: ['error', chunk],
  10: ['cookie-echo', chunk],
  11: ['cookie-ack', chunk],
  12: ['ecne', [...chunk, ['lowest-tsn', 32, 32]]],
  13: ['cwr', [...chunk, ['lowest-tsn', 32, 32]]],
  14: ['shutdown-complete', chunk],
  128: ['asconf-ack', [...chunk, ['seqno', 32, 32]]],
  192: ['forward-tsn', [...chunk, ['new-cum-tsn', 32, 32]]],
  193: ['asconf', [...chunk, ['seqno', 32, 32]]],
});

/** By the kernel's `op`: what stands before the name, the name that is asked for whether it is there, and the fields. */
export const extensionKinds: Readonly<
  Record<string, { readonly before: string; readonly present: string; readonly known: Extensions }>
> = {
  ipv6: { before: '', present: 'exthdr ', known: ipv6 },
  ipv4: { before: 'ip option ', present: 'ip option ', known: ipv4 },
  tcpopt: { before: 'tcp option ', present: 'tcp option ', known: tcpopt },
  sctp: { before: 'sctp chunk ', present: 'sctp chunk ', known: sctp },
};
