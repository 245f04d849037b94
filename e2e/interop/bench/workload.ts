/**
 * What is measured: each entry runs one operation of a figure, stores the state after every step, and can be repeated.
 */
export interface Workload {
  readonly label: string;
  readonly figure: Figure;
  /** Operations that one call of `run` stands for: a ping-pong is two messages. */
  readonly operations: number;
  /** Returns the milliseconds that count, or nothing when all of them do. */
  readonly run: () => Promise<number> | Promise<void>;
}

export type Figure = 'chain' | 'ping-pong' | 'new session' | 'group';

export const FIGURES: Record<Figure, string> = {
  chain: 'encrypt + decrypt within a chain',
  'ping-pong': 'ping-pong, per message',
  'new session': 'new session: bundle, first message, its decryption',
  group: 'group message: encrypt + decrypt',
};

export interface Measurement {
  readonly label: string;
  readonly figure: Figure;
  /** Median over the rounds, microseconds per operation. */
  readonly microseconds: number;
  /** The best round: what the machine can do when nothing else runs. */
  readonly best: number;
}

export interface Sizes {
  readonly label: string;
  readonly messageBytes: number;
  readonly recordBytes: number;
}

export const PLAINTEXT_LENGTH = 200;

async function once({ run }: Workload): Promise<number> {
  const started = performance.now();
  const counted = await run();
  return typeof counted === 'number' ? counted : performance.now() - started;
}

/** Repeats a workload for about `milliseconds`; returns microseconds per operation. */
async function round(workload: Workload, milliseconds: number): Promise<number> {
  const end = performance.now() + milliseconds;
  let counted = 0;
  let runs = 0;
  do {
    counted += await once(workload);
    runs++;
  } while (performance.now() < end);
  return (counted * 1000) / (runs * workload.operations);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The first round of each only warms up, and is longer: JavaScript is compiled while it runs. */
const WARM_UP = 4;

/** Measures all in turns, so that a busy moment of the machine hits everyone. */
export async function measure(
  workloads: readonly Workload[],
  options: { rounds: number; milliseconds: number },
): Promise<Measurement[]> {
  const results = workloads.map((): number[] => []);
  for (let i = 0; i <= options.rounds; i++) {
    for (const [position, workload] of workloads.entries()) {
      const value = await round(workload, i === 0 ? WARM_UP * options.milliseconds : options.milliseconds);
      if (i > 0) results[position]?.push(value);
    }
  }
  return workloads.map(({ label, figure }, i) => {
    const rounds = results[i] ?? [];
    return { label, figure, microseconds: median(rounds), best: Math.min(...rounds) };
  });
}
