import type { WorldReport } from './world.js';

/** What many worlds have shown together. */
export class Summary {
  readonly failed: WorldReport[] = [];
  readonly #gone: number[] = [];
  #worlds = 0;
  #events = 0;
  #messages = 0;
  #undecryptable = 0;
  #healed = 0;
  #lost = 0;
  #putBack = 0;
  #noticed = 0;
  #virtualMs = 0;
  readonly #faults = new Map<string, number>();
  readonly #rollbacks = new Map<string, number>();

  add(report: WorldReport): void {
    this.#worlds++;
    this.#events += report.events;
    this.#virtualMs += report.virtualMs;
    this.#messages += report.outcome?.messages ?? 0;
    this.#undecryptable += report.outcome?.undecryptable ?? 0;
    this.#healed += report.outcome?.healed ?? 0;
    this.#lost += report.outcome?.lost ?? 0;
    if (report.noticed !== null) this.#putBack++;
    if (report.noticed) this.#noticed++;
    for (const [fault, times] of Object.entries(report.faults)) count(this.#faults, fault, times);
    if (report.plan.rollback !== 'none') count(this.#rollbacks, report.plan.rollback, 1);
    if (report.violations.length > 0) this.failed.push(report);
  }

  /** A world that its process did not survive. */
  gone(seed: number): void {
    this.#gone.push(seed);
  }

  get failedSeeds(): number[] {
    return [...this.failed.map(({ plan }) => plan.seed), ...this.#gone].sort((a, b) => a - b);
  }

  get worlds(): number {
    return this.#worlds;
  }

  toString(): string {
    const list = (counts: Map<string, number>): string =>
      [...counts].map(([name, times]) => `${name} ${times}`).join(', ') || 'none';
    return [
      `${this.#worlds} worlds, ${this.failed.length} failed, ${this.#gone.length} ended by their process`,
      `failed seeds: ${this.failedSeeds.join(' ') || 'none'}`,
      `${this.#events} events in ${Math.round(this.#virtualMs / 60_000)} virtual minutes, ${this.#messages} messages`,
      `faults: ${list(this.#faults)}`,
      `rolled back: ${list(this.#rollbacks)}; there ${this.#lost} messages lost, ${this.#undecryptable} shown as unreadable`,
      `sent again after they could not be read: ${this.#healed}`,
      `profiles put back: ${this.#putBack}, noticed: ${this.#noticed}`,
    ].join('\n');
  }
}

/** A failed world in words: what was violated, and how to see it again. */
export function describe({ plan, violations, trace, lines }: WorldReport, tail: number): string {
  return [
    `FAILED seed ${plan.seed} (trace ${trace}): pnpm sim --seed ${plan.seed} --trace`,
    ...violations.map(({ rule, detail }) => `  ${rule}: ${detail}`),
    ...lines.slice(lines.length - tail).map((line) => `    ${line}`),
  ].join('\n');
}

/** In one line. */
export function brief({ plan, violations: [first, ...others] }: WorldReport): string {
  const more = others.length > 0 ? ` (and ${others.length} more)` : '';
  return `FAILED seed ${plan.seed}: ${first?.rule ?? ''}: ${first?.detail ?? ''}${more}`;
}

function count(counts: Map<string, number>, name: string, times: number): void {
  counts.set(name, (counts.get(name) ?? 0) + times);
}
