import { describeExtension, describeReject6 } from '../xtables/extensions.js';
import { type ExpressionKinds } from './forms.js';
import { type NftRule } from './ruleset.js';

/** A match of iptables-nft; `xt match name` for one that is not known here, as nft itself says it. */
export function matchText(
  { name = '', rev = 0, info }: ExpressionKinds['match'],
  transport: string | undefined,
  family: NftRule['family'],
): string {
  return (
    describeExtension('match', name, rev, info ?? Buffer.alloc(0), transport, family === 'ip6')?.nft ??
    `xt match ${name}`
  );
}

export function targetText(
  { name = '', rev = 0, info }: ExpressionKinds['target'],
  family: NftRule['family'],
): string {
  if (name === 'REJECT' && family === 'ip6') return describeReject6(info ?? Buffer.alloc(0)).nft;
  return (
    describeExtension('target', name, rev, info ?? Buffer.alloc(0), 'th', family === 'ip6')?.nft ??
    `xt target ${name}`
  );
}
