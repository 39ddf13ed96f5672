/** Rules of others that drop what our networks forward: Docker's policy, ufw, firewalld, hand-made ones. */
import { quote } from '../errors.js';
import { type LegacyTable, legacyTables, NetlinkError, nft, openNetlink } from '../netlink/index.js';
import type { NetworkRecord } from './record.js';
import { table as ours } from './table-shape.js';

/** A place where forwarded packets of a network are dropped. */
export interface FirewallBlock {
  /** Address family of what is dropped. */
  readonly family: 'ip' | 'ip6' | 'inet';
  /** `table ip filter, chain FORWARD` */
  readonly where: string;
  /** `its policy is drop`, or the rule. */
  readonly what: string;
  /** Whose it likely is. */
  readonly owner: 'docker' | 'ufw' | 'firewalld' | 'iptables' | 'nftables';
  readonly fix: string;
}

/**
 * Looks for what would drop the packets of a network on their way through the host, in nf_tables and in iptables-legacy. A chain
 * with a rule that accepts by the device's name is taken to let them through.
 */
export async function findFirewallBlocks(record: NetworkRecord): Promise<FirewallBlock[]> {
  if (record.internal || record.driver === 'macvlan') return [];
  return [...(await blocksOfNftables(record.device)), ...blocksOfLegacy(legacyTables(), record.device)];
}

async function blocksOfNftables(device: string): Promise<FirewallBlock[]> {
  const socket = openNetlink('netfilter');
  try {
    const found: FirewallBlock[] = [];
    const chains = await nft.chains(socket);
    for (const { family, table, name, hook, type, policy } of chains) {
      if (hook !== 'forward' || type !== 'filter' || (table === ours.table && family === ours.family))
        continue;
      if (family !== 'ip' && family !== 'ip6' && family !== 'inet') continue;
      const rules = await nft.rules(socket, { family, table });
      const texts = new Map<string, string[]>();
      for (const rule of rules)
        texts.set(rule.chain, [...(texts.get(rule.chain) ?? []), nft.ruleText(rule, { sets: new Map() })]);
      if (lets(texts, name, device, /\baccept$/, /\b(?:jump|goto) (\S+)/)) continue;
      const what = dropOf(texts, name, policy === 'drop', nftWords);
      if (what === undefined) continue;
      const owner = ownerOf(
        table,
        new Set(chains.filter((each) => each.table === table).map((each) => each.name)),
      );
      found.push({
        family,
        where: `table ${family} ${table}, chain ${name}`,
        what,
        owner,
        fix: fixFor(owner, family, table, name, device),
      });
    }
    return found;
  } catch (error) {
    // A kernel without nf_tables has no such rules.
    if (error instanceof NetlinkError) return [];
    throw error;
  } finally {
    socket.close();
  }
}

/** Pure, for what iptables-legacy has. */
export function blocksOfLegacy(tables: readonly LegacyTable[], device: string): FirewallBlock[] {
  return tables
    .filter(({ name }) => name === 'filter')
    .flatMap(({ family, chains }) => {
      const texts = new Map(chains.map(({ name, rules }) => [name, rules.map(({ text }) => text)]));
      const forward = chains.find(({ name }) => name === 'FORWARD');
      if (!forward || lets(texts, 'FORWARD', device, /-j ACCEPT$/, /-[jg] (\S+)/)) return [];
      const what = dropOf(texts, 'FORWARD', forward.policy === 'DROP', legacyWords);
      if (what === undefined) return [];
      const owner = ownerOf('filter', new Set(chains.map(({ name }) => name)));
      const known = owner === 'nftables' ? 'iptables' : owner;
      return [
        {
          family,
          where: `iptables-legacy table ${family} filter, chain FORWARD`,
          what,
          owner: known,
          fix: fixFor(known, family, 'filter', 'FORWARD', device, '-legacy'),
        },
      ];
    });
}

/** Whether the chain, or one that it jumps to, accepts by the device's name. */
function lets(
  texts: ReadonlyMap<string, readonly string[]>,
  chain: string,
  device: string,
  accepts: RegExp,
  jumps: RegExp,
  seen: ReadonlySet<string> = new Set(),
): boolean {
  if (seen.has(chain)) return false;
  return (texts.get(chain) ?? []).some((text) => {
    const words = text.replaceAll('"', '').split(/\s+/);
    if (words.includes(device) && accepts.test(text)) return true;
    const target = jumps.exec(text)?.[1];
    return target !== undefined && lets(texts, target, device, accepts, jumps, new Set([...seen, chain]));
  });
}

/** How the rules read that hold for every packet. */
interface Verdicts {
  /** What stands before a verdict and decides nothing. */
  readonly passing: RegExp;
  readonly drops: RegExp;
  readonly accepts: RegExp;
  readonly returns: RegExp;
  /** With the chain's name. */
  readonly jumps: RegExp;
  readonly gotos: RegExp;
}

const nftWords: Verdicts = {
  passing:
    /^(?:counter(?: packets \d+ bytes \d+)? |log (?:(?:prefix "[^"]*"|(?:group|snaplen|queue-threshold|level|flags(?: ip| tcp)?) \S+) )*)+/,
  drops: /^(?:drop$|reject\b)/,
  accepts: /^accept$/,
  returns: /^return$/,
  jumps: /^jump (\S+)$/,
  gotos: /^goto (\S+)$/,
};

const legacyWords: Verdicts = {
  passing: /^(?!)/,
  drops: /^-j (?:DROP$|REJECT\b)/,
  accepts: /^-j ACCEPT$/,
  returns: /^-j RETURN$/,
  jumps: /^-j (\S+)$/,
  gotos: /^-g (\S+)$/,
};

function dropOf(
  texts: ReadonlyMap<string, readonly string[]>,
  chain: string,
  isPolicy: boolean,
  words: Verdicts,
): string | undefined {
  const end = endOf(texts, chain, words);
  if (end === undefined) return isPolicy ? 'its policy is drop' : undefined;
  if (end === 'accept') return undefined;
  return `${end.chain === chain ? 'its rule' : `by chain ${end.chain}, the rule`} ${quote(end.rule)}`;
}

/** Where a packet ends that no rule with a condition has taken. @returns Undefined: behind the chain's last rule. */
function endOf(
  texts: ReadonlyMap<string, readonly string[]>,
  chain: string,
  words: Verdicts,
): { readonly chain: string; readonly rule: string } | 'accept' | undefined {
  for (const rule of texts.get(chain) ?? []) {
    const verdict = rule.replace(words.passing, '');
    if (words.drops.test(verdict)) return { chain, rule };
    if (words.accepts.test(verdict)) return 'accept';
    if (words.returns.test(verdict)) return undefined;
    const next = words.gotos.exec(verdict)?.[1];
    // The kernel takes no ruleset whose jumps go in a circle.
    if (next !== undefined) return endOf(texts, next, words);
    const target = words.jumps.exec(verdict)?.[1];
    const end = target === undefined ? undefined : endOf(texts, target, words);
    if (end !== undefined) return end;
  }
  return undefined;
}

function ownerOf(table: string, chains: ReadonlySet<string>): FirewallBlock['owner'] {
  if (table === 'firewalld') return 'firewalld';
  if (chains.has('ufw-before-forward') || chains.has('ufw6-before-forward')) return 'ufw';
  if (chains.has('DOCKER-USER')) return 'docker';
  return chains.has('FORWARD') ? 'iptables' : 'nftables';
}

function fixFor(
  owner: FirewallBlock['owner'],
  family: 'ip' | 'ip6' | 'inet',
  table: string,
  chain: string,
  device: string,
  variant = '',
): string {
  const iptables = `${family === 'ip6' ? 'ip6tables' : 'iptables'}${variant}`;
  const both = (target: string) =>
    `${iptables} -I ${target} -i ${device} -j ACCEPT; ${iptables} -I ${target} -o ${device} -j ACCEPT`;
  switch (owner) {
    case 'docker':
      return both('DOCKER-USER');
    case 'ufw':
      return `ufw route allow in on ${device}; ufw route allow out on ${device}`;
    case 'firewalld':
      return `firewall-cmd --permanent --zone=trusted --add-interface=${device} && firewall-cmd --reload`;
    case 'iptables':
      return both('FORWARD');
    case 'nftables':
      return `nft insert rule ${family} ${table} ${chain} iifname ${device} accept; nft insert rule ${family} ${table} ${chain} oifname ${device} accept`;
  }
}
