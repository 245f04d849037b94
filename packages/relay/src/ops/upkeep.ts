import type { RelayCore } from '../core.js';
import type { Sql } from '../store/sql/driver.js';

/** How long an envelope may lie unnoticed when the bus lost its ring, milliseconds. */
const HEAL_MS = 15_000;
const SWEEP_MS = 10 * 60_000;

/** PGlite has no autovacuum; without statistics its plans go wrong, without vacuum its files grow. */
const VACUUM_MS = 5 * 60_000;

interface UpkeepOptions {
  core: RelayCore;
  onError: (error: unknown) => void;
  /** An embedded database, which must be vacuumed from here. */
  sql?: Sql;
}

/** The relay's only timers. @returns what stops them */
export function startUpkeep({ core, onError, sql }: UpkeepOptions): () => void {
  const timers = [every(HEAL_MS, () => core.heal(), onError), every(SWEEP_MS, () => core.sweep(), onError)];
  if (sql) timers.push(every(VACUUM_MS, () => sql.script('VACUUM ANALYZE'), onError));
  return () => {
    timers.forEach(clearInterval);
  };
}

/** A run that takes longer than its interval is not started twice. */
function every(ms: number, task: () => Promise<unknown>, onError: (error: unknown) => void): NodeJS.Timeout {
  let isRunning = false;
  const timer = setInterval(() => {
    if (isRunning) return;
    isRunning = true;
    task()
      .catch(onError)
      .finally(() => {
        isRunning = false;
      });
  }, ms);
  return timer.unref();
}
