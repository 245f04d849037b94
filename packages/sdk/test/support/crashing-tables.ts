import type { ObservableTables, Rows, Tables } from '../../src/storage/tables.js';
import type { Person } from './person.js';

export class Crash extends Error {
  override readonly name = 'Crash';
}

/**
 * Lets an engine live for a given number of commits, counted over several databases, and then behaves as if the process
 * were gone: nothing more is read or written through these handles.
 */
export class LifeSpan {
  #left: number;
  #onEnd: () => void = () => undefined;
  /** Resolves when the life is over. */
  readonly ended = new Promise<void>((resolve) => (this.#onEnd = resolve));

  constructor(commits: number) {
    this.#left = commits;
  }

  /** Counts a commit; the life ends *after* the last one, so that it is stored and nothing that follows is. */
  spend(): void {
    if (--this.#left === 0) this.#onEnd();
  }

  get isOver(): boolean {
    return this.#left <= 0;
  }

  check(): void {
    if (this.isOver) throw new Crash();
  }
}

function crashing<R extends Rows, T extends Tables<R> | ObservableTables<R>>(tables: T, life: LifeSpan): T {
  const wrapped: Tables<R> = {
    ...tables,
    read: async (names, work) => {
      life.check();
      return tables.read(names, work);
    },
    write: async (names, work) => {
      life.check();
      const value = await tables.write(names, async (transaction) => {
        life.check();
        return work(transaction);
      });
      life.spend();
      life.check();
      return value;
    },
  };
  return wrapped as T;
}

/** Starts an engine on somebody's databases that dies after `commits` commits, perhaps before it has quite started. */
export async function wakeMortal(person: Person, commits: number): Promise<LifeSpan> {
  const life = new LifeSpan(commits);
  await person
    .wake({ history: crashing(person.history, life), vault: crashing(person.vault, life) })
    .catch(() => undefined);
  return life;
}
