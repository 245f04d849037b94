import type { Process } from '../core/process.js';
import type { Random } from '../core/random.js';
import type { Scheduler } from '../core/scheduler.js';
import {
  FootprintRecorder,
  memoryTables,
  Observers,
  recordingWrites,
  StorageError,
  type ObservableTables,
  type ReadTransaction,
  type Rows,
  type Schema,
  type StorageErrorCode,
  type WriteTransaction,
} from '@sotto/sdk/testing';

/** How the storage of one device behaves; changed by faults. */
export interface DiskWeather {
  /** Milliseconds of one transaction. */
  slowest: number;
  /** Chance that a write fails: nothing of it is stored. */
  failing: number;
  error: StorageErrorCode;
}

export const CALM_DISK: DiskWeather = { slowest: 3, failing: 0, error: 'storage-failed' };

/** One row that a committed transaction has written; `row` is absent where it was deleted. */
export interface Change {
  readonly table: string;
  readonly row?: object;
  readonly key?: readonly unknown[];
}

interface Access<R extends Rows> {
  readonly process: Process;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly weather: () => DiskWeather;
  /** `history` or `vault`: for the trace. */
  readonly name: string;
  /** Hears of every commit, in the event in which it happens. */
  readonly onCommit: (changes: readonly Change[]) => void;
  readonly profile: Database<R>;
}

/** One database of a device, and the tabs that have it open: what their BroadcastChannel connects. */
export class Database<R extends Rows> {
  readonly tables: ObservableTables<R>;
  readonly open = new Map<Process, Observers<R>>();

  constructor(readonly schema: Schema<R>) {
    this.tables = memoryTables(schema);
  }
}

/**
 * A database as one tab sees it: transactions take their time, begin in the order in which they were asked for (as
 * IndexedDB's do), happen in one event, and answer in another, so that the tab can die between the two. Live queries are the
 * real ones; other tabs hear of a write by a message that takes its time.
 */
export function attach<R extends Rows>(access: Access<R>): ObservableTables<R> {
  const { process, scheduler, random, weather, name, onCommit, profile } = access;
  const { tables, schema, open } = profile;
  let queued = 0;
  const turn = (label: string): Promise<void> => {
    queued = Math.max(queued, scheduler.now + random.between(0, weather().slowest));
    return new Promise((resolve) => process.at(queued, `${name} ${label}`, resolve));
  };
  const answer = (label: string): Promise<void> => process.sleep(random.between(0, 1), `${name} ${label}`);
  const read: ObservableTables<R>['read'] = async (names, work) => {
    await turn(`read ${names.join(' ')}`);
    return tables.read(names, work);
  };
  const observers = new Observers<R>(read, schema);
  open.set(process, observers);
  const announce = (written: FootprintRecorder): void => {
    if (written.isEmpty) return;
    observers.notify(written.footprint);
    for (const [other, theirs] of open) {
      if (other.isDead) open.delete(other);
      else if (other !== process)
        other.after(random.between(0, 5), `${name} changed`, () => theirs.notify(written.footprint));
    }
  };

  return {
    read,
    write: async (names, work) => {
      await turn(`write ${names.join(' ')}`);
      const fails = weather().failing > 0 && random.chance(weather().failing);
      let changes: Change[] = [];
      let failure: unknown;
      try {
        const value = await tables.write(names, async (transaction) => {
          changes = [];
          const written = new FootprintRecorder();
          const result = await work(recordingWrites(recording(transaction, changes), schema, written));
          announce(written);
          if (fails) throw new StorageError(weather().error);
          return result;
        });
        if (changes.length > 0) onCommit(changes);
        await answer('committed');
        return value;
      } catch (error) {
        failure = error;
      }
      await answer(`aborted: ${failure instanceof Error ? failure.message : String(failure)}`);
      throw failure;
    },
    observe: (names, query, next, fail) => observers.observe(names, query, next, fail),
    watch: (table, changed) => observers.watch(table, changed),
    close: () => undefined,
    destroy: () => Promise.resolve(),
  };
}

function recording<R extends Rows>(transaction: WriteTransaction<R>, changes: Change[]): WriteTransaction<R> {
  const reads: ReadTransaction<R> = transaction;
  return {
    ...reads,
    put: (table, row) => {
      changes.push({ table, row });
      return transaction.put(table, row);
    },
    add: (table, row) => {
      changes.push({ table, row });
      return transaction.add(table, row);
    },
    delete: (table, key) => {
      changes.push({ table, key });
      return transaction.delete(table, key);
    },
  };
}
