/** Names of containers: docker's rule, and one of our own making where none is given. */
import { invalid, quote } from '../errors.js';
import { randomBytes } from '../native/index.js';

/** @throws {WarrenError} `ERR_CONTAINER_NAME`. */
export function checkName(name: string): string {
  // docker shows names with a slash before them, and takes them so.
  const plain = name.startsWith('/') ? name.slice(1) : name;
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(plain) && plain.length <= 128) return plain;
  throw invalid(
    'ERR_CONTAINER_NAME',
    `Cannot name a container ${quote(name)}`,
    plain.length > 128
      ? 'a name has at most 128 characters'
      : 'a name has at least two of a-z A-Z 0-9 _ . -, and begins with a letter or digit',
    'choose another, or none: it is then called by two words',
  );
}

const manners = [
  'agile',
  'amber',
  'brave',
  'brisk',
  'calm',
  'civil',
  'clever',
  'cosy',
  'deft',
  'dusky',
  'eager',
  'early',
  'fleet',
  'frank',
  'gentle',
  'glad',
  'handy',
  'hardy',
  'jolly',
  'keen',
  'kind',
  'lively',
  'loyal',
  'lucid',
  'merry',
  'mild',
  'neat',
  'nimble',
  'plucky',
  'proud',
  'quick',
  'quiet',
  'ready',
  'sage',
  'shy',
  'sleek',
  'snug',
  'spry',
  'stout',
  'sunny',
  'swift',
  'tidy',
  'vivid',
  'wary',
  'witty',
  'young',
  'zesty',
  'bold',
];
const animals = [
  'badger',
  'beaver',
  'bunny',
  'cony',
  'dormouse',
  'ermine',
  'ferret',
  'finch',
  'fox',
  'gopher',
  'hamster',
  'hare',
  'hedgehog',
  'heron',
  'jackdaw',
  'kestrel',
  'lapwing',
  'lemming',
  'lynx',
  'marmot',
  'marten',
  'meerkat',
  'mink',
  'mole',
  'mouse',
  'newt',
  'nuthatch',
  'otter',
  'owl',
  'pika',
  'plover',
  'polecat',
  'rabbit',
  'robin',
  'shrew',
  'siskin',
  'skylark',
  'sparrow',
  'squirrel',
  'stoat',
  'swift',
  'thrush',
  'toad',
  'vole',
  'warbler',
  'weasel',
  'wombat',
  'wren',
];

/** @param attempt Counted up while the names made are taken; from the third on a number follows. */
export function inventName(attempt: number): string {
  const [first = 0, second = 0, third = 0] = randomBytes(3);
  const name = `${manners[first % manners.length] ?? ''}_${animals[second % animals.length] ?? ''}`;
  return attempt < 2 ? name : `${name}${third}${attempt}`;
}
