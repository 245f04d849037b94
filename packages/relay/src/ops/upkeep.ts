import type { AppRegistry } from '../apps/app-registry.js';
import { purgeDeleted } from '../apps/purge.js';
import type { RelayCore } from '../core.js';
import type { AppStore } from '../store/app-store.js';
import type { Sql } from '../store/sql/driver.js';
import type { BusProbe } from './bus-probe.js';
import type { StoreClock } from './store-clock.js';

/** How long an envelope may lie unnoticed when the bus lost its ring, milliseconds. */
const HEAL_MS = 15_000;

/** How long a change of the apps may go unnoticed when its notice is lost, or came from the command line. */
const APPS_MS = 2_000;

/** How often key sets are looked at; they are fetched anew when they are ten minutes old. */
const KEYS_MS = 60_000;

/** How often the data of deleted apps is looked for. */
const PURGE_MS = 10_000;

/** PGlite has no autovacuum; without statistics its plans go wrong, without vacuum its files grow. */
const VACUUM_MS = 5 * 60_000;

/** Counting reads every mailbox row: a look a minute is enough for a dashboard. */
const COUNT_MS = 60_000;
const PROBE_MS = 5_000;

/** How long connections may overstay that have not said hello in time. */
const WAITING_MS = 500;

interface UpkeepOptions {
  core: RelayCore;
  clock: StoreClock;
  probe: BusProbe;
  /** Counts what the store holds. */
  count: () => Promise<void>;
  sweepMs: number;
  /** Ends connections that have waited for too long. */
  sweepWaiting: () => void;
  apps: AppRegistry;
  store: AppStore;
  onError: (error: unknown) => void;
  /** An embedded database, which must be vacuumed from here. */
  sql?: Sql;
}

/** The relay's only timers. @returns what stops them */
export function startUpkeep(options: UpkeepOptions): () => void {
  const { core, apps, store, clock, probe, count, sweepMs, sweepWaiting, onError, sql } = options;
  const timers = [
    every(HEAL_MS, () => core.heal(), onError),
    every(HEAL_MS, () => clock.adjust(), onError),
    every(COUNT_MS, count, onError),
    every(WAITING_MS, async () => sweepWaiting(), onError),
    every(PROBE_MS, async () => probe.send(), onError),
    every(APPS_MS, () => apps.refresh(), onError),
    every(KEYS_MS, () => renewKeys(apps, core), onError),
    every(PURGE_MS, () => purgeDeleted(store, apps.all(), clock.now()), onError),
    // What is old is old by the store's clock as it is now, and by this machine's.
    every(sweepMs, () => clock.adjust().then(() => core.sweep(clock.surely())), onError),
  ];
  if (sql) timers.push(every(VACUUM_MS, () => sql.script('VACUUM ANALYZE'), onError));
  return () => {
    timers.forEach(clearInterval);
    probe.stop();
  };
}

/** Sockets whose key is in no set any more are closed. */
async function renewKeys(apps: AppRegistry, core: RelayCore): Promise<void> {
  await apps.renewKeys();
  core.recheckApps();
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
