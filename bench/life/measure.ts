import { lehmer, shuffled, summarize, type Summary } from '../start/measure.js';

/** What is done to each container, in this order. */
export const phases = ['run', 'exec', 'stop', 'remove'] as const;
export type Phase = (typeof phases)[number];

/** One way to keep containers. Every method rejects when what it did did not end well. */
export interface Subject extends Record<Phase, (container: string) => Promise<void>> {
  readonly name: string;
}

export interface PhaseSummary extends Summary {
  readonly phase: Phase;
}

/** Each round every subject brings one container up, executes `true` in it, stops it and removes it; in another order each time. */
export async function measureLives(
  subjects: readonly Subject[],
  rounds: number,
  warmUp: number,
  onRound: (done: number) => void,
): Promise<PhaseSummary[]> {
  const times = new Map<string, number[]>();
  const random = lehmer(1);
  for (let round = -warmUp; round < rounds; round++) {
    for (const subject of shuffled(subjects, random)) {
      const container = `life-${round + warmUp}`;
      for (const phase of phases) {
        const began = performance.now();
        await subject[phase](container);
        const took = performance.now() - began;
        const key = `${subject.name} ${phase}`;
        if (round >= 0) times.set(key, [...(times.get(key) ?? []), took]);
      }
    }
    onRound(round + 1);
  }
  return phases.flatMap((phase) =>
    subjects.map(({ name }) => ({ phase, ...summarize(name, times.get(`${name} ${phase}`) ?? []) })),
  );
}
