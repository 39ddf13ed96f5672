import { WarrenError, quote } from '../../errors.js';

/** What is wrong, thrown where the place in the template is not known; evaluate.ts and parse.ts add it. */
export class Fault extends Error {
  constructor(
    why: string,
    readonly fix?: string,
    /** Offset, where it is known. */
    readonly at?: number,
  ) {
    super(why);
  }
}

/** @param at Offset in the template's text. */
export function templateError(source: string, at: number, why: string, fix?: string): WarrenError {
  const before = source.slice(0, at).split('\n');
  const place = `line ${before.length}, column ${Array.from(before.at(-1) ?? '').length + 1}`;
  return new WarrenError('ERR_TEMPLATE', `Cannot use the template ${quote(source)}`, {
    kind: 'invalid-argument',
    why: `${place}: ${why}`,
    fix,
  });
}
