import type { EnginePlace } from '../client/engine-place.js';
import type { EngineSetup, PagePorts } from '../client/lead-here.js';
import type { OtherHalf } from '../storage/announcer.js';
import { StorageError, type StorageErrorCode } from '../storage/storage-error.js';
import { CallError, callsOver } from '../util/calls.js';
import { systemClock } from '../util/clock.js';
import { isSeen, onPage, type PageEvent } from '../util/page-events.js';
import type { PageCalls, WorkerCalls } from './worker-calls.js';

/** A worker whose file cannot be had says so at once; what takes longer than this is as good as that. */
const UP_WITHIN_MS = 10_000;

/** What the worker cannot see of its page. */
const TOLD: readonly PageEvent[] = ['freeze', 'resume', 'pageshow', 'visibilitychange'];

/**
 * An engine in a worker of this page: what it computes keeps nobody from typing, and what a person does keeps nothing from
 * leaving.
 */
export interface EngineInWorker extends EnginePlace {
  /** Whether it has come up; where it has not, it has ended. */
  readonly isUp: Promise<boolean>;
  readonly otherHalf: OtherHalf;
}

/** @returns null where it cannot even be tried: a policy of the page may forbid workers */
export function inWorker(start: () => Worker, setup: EngineSetup, ports: PagePorts): EngineInWorker | null {
  try {
    return runIn(start(), setup, ports);
  } catch {
    return null;
  }
}

function runIn(worker: Worker, setup: EngineSetup, { token, onUnstored }: PagePorts): EngineInWorker {
  let up = false;
  let term = 0;
  let resignTerm: () => void = () => undefined;
  const storing = new Set<Promise<void>>();
  const page: PageCalls = {
    token: async () => token(),
    changed: (said) => otherHalf.hear(said),
    unstored: onUnstored,
    resign: (ended) => {
      if (ended === term) resignTerm();
    },
  };
  const { call, tell } = callsOver<WorkerCalls, PageCalls>(worker, page);
  const otherHalf: OtherHalf = { tab: setup.tab, tell: (said) => tell('changed', said), hear: () => undefined };
  const unlisten = TOLD.map((event) =>
    onPage(event, () => {
      if (isSeen() || event !== 'visibilitychange') tell('happened', event);
    }),
  );
  const end = (): void => {
    up = false;
    for (const stop of unlisten) stop();
    worker.terminate();
  };
  const isUp = new Promise<boolean>((resolve) => {
    const fail = (): void => resolve(false);
    systemClock.after(UP_WITHIN_MS, fail);
    worker.addEventListener('error', fail);
    call('open', setup).then(() => resolve(true), fail);
  }).then((isOpen) => {
    up = isOpen;
    if (!isOpen) end();
    return isOpen;
  });
  return {
    isUp,
    otherHalf,
    lead: async (resign) => {
      const ours = ++term;
      resignTerm = resign;
      await call('lead', ours);
      return () => call('stop', ours);
    },
    store: (message) => {
      if (!up) return null;
      const stored = call('store', message).catch(asStorageError);
      storing.add(stored);
      const forget = (): void => void storing.delete(stored);
      stored.then(forget, forget);
      return stored;
    },
    unregister: () => call('unregister', null),
    fetchLater: () => call('fetchLater', null),
    end: async () => {
      await Promise.allSettled(storing);
      end();
    },
  };
}

/** As it was thrown there. */
function asStorageError(error: unknown): never {
  throw error instanceof CallError && error.code ? new StorageError(error.code as StorageErrorCode) : error;
}
