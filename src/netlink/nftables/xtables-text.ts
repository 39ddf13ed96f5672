import { describeExtension } from '../xtables/extensions.js';
import { type ExpressionKinds } from './forms.js';

/** A match of iptables-nft; `xt match name` for one that is not known here, as nft itself says it. */
export function matchText(
  { name = '', rev = 0, info }: ExpressionKinds['match'],
  transport?: string,
): string {
  return describeExtension('match', name, rev, info ?? Buffer.alloc(0), transport)?.nft ?? `xt match ${name}`;
}

export function targetText({ name = '', rev = 0, info }: ExpressionKinds['target']): string {
  return describeExtension('target', name, rev, info ?? Buffer.alloc(0))?.nft ?? `xt target ${name}`;
}
