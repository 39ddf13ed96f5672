import assert from 'node:assert/strict';
import { test } from 'node:test';
import { links, nft, openNetlink } from '../../src/netlink/index.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { chains, objects, ownWords, rules, tables } from './nft-corpus.js';

assertFakeHost();

/** What the kernel says of what it was built without, or of a hook where it has no sense. */
const KERNEL_LACKS =
  /Could not process rule: (No such file or directory|Operation not supported|Protocol error|Invalid argument)/;

/** @returns Whether the kernel took it. A line that nft does not understand is a mistake here. */
function tell(command: string): boolean {
  const { code, stderr } = oracle('nft', ['-f', '-'], { input: `${command}\n`, allowFailure: true });
  if (code !== 0) assert.match(stderr, KERNEL_LACKS, command);
  return code === 0;
}

/** nft's lines without how it breaks and indents them. */
function lines(text: string): string[] {
  return text
    .replace(/,\s+/g, ', ')
    .split('\n')
    .map((line) => line.replace(/\s+/g, ' ').trim())
    .filter((line) => line !== '' && !line.startsWith('# Warning'));
}

async function ours(): Promise<string[]> {
  const route = openNetlink('route');
  const netfilter = openNetlink('netfilter');
  try {
    const devices = new Map((await links(route)).map(({ ifindex, ifname }) => [ifindex, ifname]));
    return lines(nft.rulesetText(await nft.ruleset(netfilter), { devices }));
  } finally {
    route.close();
    netfilter.close();
  }
}

const theirs = (): string[] => lines(oracle('nft', ['-a', 'list', 'ruleset']).stdout);

/** Only what differs: the whole would be thousands of lines. */
async function compare(): Promise<void> {
  const our = await ours();
  const their = theirs();
  const wrong = their.flatMap((line, index) =>
    our[index] === line ? [] : [`nft: ${line}`, `our: ${our[index] ?? ''}`],
  );
  assert.equal(wrong.slice(0, 40).join('\n'), '');
  assert.equal(our.length, their.length);
}

test('rulesetText() shows named sets, maps and stateful objects of every kind as nft -a list ruleset does', async (t) => {
  oracle('nft', ['-f', '-'], { input: tables });
  const refused = objects.filter((command) => !tell(command));
  t.diagnostic(`${objects.length - refused.length} objects; this kernel lacks ${refused.length}`);
  assert.ok(refused.length < objects.length / 2, refused.join('\n'));
  await compare();
});

for (const [group, text] of Object.entries(rules)) {
  test(`rulesetText() shows rules as nft -a list ruleset does: ${group}`, async (t) => {
    const all = text.trim().split('\n');
    const [family = ''] = group.split(' ');
    const own = chains[group] ?? [];
    let taken = 0;
    // In parts: where one is wrong the others are still to be read.
    for (let from = 0; from < all.length; from += 60) {
      const part = all.slice(from, from + 60);
      const refused = part.filter(
        (rule) => !own.some((chain) => tell(`add rule ${family} t ${chain} ${rule}`)),
      );
      if (refused.length > 0) t.diagnostic(`this kernel lacks: ${refused.join(' | ')}`);
      taken += part.length - refused.length;
      await compare();
      oracle('nft', ['-f', '-'], {
        input: own.map((chain) => `flush chain ${family} t ${chain}\n`).join(''),
      });
    }
    assert.ok(taken > all.length / 2, `${taken} of ${all.length}`);
  });
}

test('rulesetText() shows what nft cannot', async () => {
  for (const [rule, text] of ownWords) {
    if (!tell(`add rule ip t filter ${rule}`)) continue;
    const shown = (await ours()).filter((line) => line.startsWith(`${text} # handle`));
    assert.equal(shown.length, 1, rule);
    oracle('nft', ['flush', 'chain', 'ip', 't', 'filter']);
  }
  oracle('nft', ['flush', 'ruleset']);
});
