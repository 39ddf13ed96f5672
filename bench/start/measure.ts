export interface Subject {
  readonly name: string;
  /** One start, to its exit. Rejects when the command did not end well: a failure is fast, and would look good. */
  once(): Promise<void>;
  /** What belongs to it and is not timed. */
  after?(): Promise<void>;
}

export interface Summary {
  readonly name: string;
  readonly minMs: number;
  readonly medianMs: number;
  readonly p95Ms: number;
}

export interface RoundOptions {
  readonly rounds: number;
  readonly warmUp: number;
  readonly onRound?: (done: number) => void;
}

/**
 * Times every subject once a round, each round in another order: what the machine does meanwhile, and what one start
 * leaves to be tidied up by the kernel (network namespaces are), hits all alike.
 */
export async function measureRounds(
  subjects: readonly Subject[],
  { rounds, warmUp, onRound }: RoundOptions,
): Promise<Summary[]> {
  const times = new Map(subjects.map((subject) => [subject, [] as number[]]));
  const random = lehmer(1);
  for (let round = -warmUp; round < rounds; round++) {
    for (const subject of shuffled(subjects, random)) {
      const began = performance.now();
      await subject.once();
      const took = performance.now() - began;
      await subject.after?.();
      if (round >= 0) times.get(subject)?.push(took);
    }
    onRound?.(round + 1);
  }
  return subjects.map((subject) => summarize(subject.name, times.get(subject) ?? []));
}

export function summarize(name: string, times: number[]): Summary {
  const sorted = times.sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN;
  return { name, minMs: at(0), medianMs: at(0.5), p95Ms: at(0.95) };
}

/** @returns Starts per second, with `concurrency` of them under way at any time. */
export async function measureThroughput(
  subject: Subject,
  concurrency: number,
  seconds: number,
): Promise<number> {
  for (let index = 0; index < concurrency; index++) await subject.once();
  const began = performance.now();
  const until = began + seconds * 1000;
  let ended = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      await subject.once();
      ended++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return (ended * 1000) / (performance.now() - began);
}

/** The same orders in every run. */
export function lehmer(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 0x7fff_ffff) / 0x7fff_ffff;
}

export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
