/** `warren sysctl census`. */
import { release } from 'node:os';
import { WarrenError, invalid } from '../../errors.js';
import { hostFiles, takeCensus, type CensusResult } from '../../explore/sysctl/census/census.js';
import {
  defaultJournal,
  readJournal,
  removeJournal,
  restore,
  type Unrestored,
} from '../../explore/sysctl/census/journal.js';
import { NetworkSysctls } from '../../kernel/sysctl-files.js';
import { inInitialNetwork } from '../../explore/sysctl/surroundings.js';
import { STDERR, STDOUT, writeText } from '../output.js';
import { sysctlTools } from './sysctl-target.js';

export interface CensusCommandOptions {
  readonly allowed: boolean;
  readonly restore: boolean;
  readonly journal: string | undefined;
  readonly json: boolean;
}

export async function censusCommand(
  words: readonly string[],
  { allowed, restore: putBack, journal = defaultJournal, json }: CensusCommandOptions,
): Promise<number> {
  if (words.length > 0)
    throw invalid('ERR_USAGE', 'Cannot take a census', 'it takes no operands', 'write: warren sysctl census');
  if (putBack) return restoreHost(journal);
  if (!allowed) {
    throw new WarrenError('ERR_SYSCTL_CENSUS', 'Cannot take a census of this host', {
      kind: 'permission-denied',
      why: 'it changes every network parameter of the machine for a moment, which its connections may feel',
      fix: 'on a machine that may be disturbed: warren sysctl census --i-may-disturb-this-host',
    });
  }
  if (!inInitialNetwork()) {
    throw new WarrenError('ERR_SYSCTL_CENSUS', 'Cannot take a census from here', {
      kind: 'unsupported',
      why: 'this is not the machine’s first network namespace: new ones do not copy from it',
      fix: 'run it on the host, or in a virtual machine',
    });
  }
  const result = await takeCensus(await sysctlTools(), { kernel: release(), journal });
  writeText(STDOUT, json ? `${JSON.stringify(asJson(result))}\n` : summary(result));
  return report(result.unrestored, journal);
}

function restoreHost(journal: string): number {
  const unrestored = restore(readJournal(journal), hostFiles(new NetworkSysctls()));
  if (unrestored.length === 0) removeJournal(journal);
  return report(unrestored, journal);
}

function report(unrestored: readonly Unrestored[], journal: string): number {
  if (unrestored.length === 0) return 0;
  const lines = unrestored.map(
    ({ path, wanted, found }) => `not put back: ${path}: ${found ?? 'gone'}, was ${wanted}\n`,
  );
  writeText(STDERR, `${lines.join('')}the journal is kept: ${journal}\n`);
  return 1;
}

function asJson({ kernel, entries, absent, inherit }: CensusResult): object {
  return { kernel, entries: Object.fromEntries(entries), absent, inherit };
}

function summary({ kernel, entries, absent }: CensusResult): string {
  const counts = new Map<string, number>();
  for (const { origin } of entries.values())
    counts.set(origin ?? 'undecided', (counts.get(origin ?? 'undecided') ?? 0) + 1);
  const lines = [...counts].map(([origin, count]) => `${String(count).padStart(5)}  ${origin}\n`);
  return `Linux ${kernel}: ${entries.size} keys of a new network namespace\n${lines.join('')}${String(absent.length).padStart(5)}  absent there\n`;
}
