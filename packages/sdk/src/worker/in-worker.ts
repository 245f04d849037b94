import type { EnginePlace } from '../client/engine-place.js';
import type { EngineSetup, PagePorts } from '../client/lead-here.js';
import type { OtherHalf } from '../storage/announcer.js';
import { StorageError, type StorageErrorCode } from '../storage/storage-error.js';
import { CallError, callsOver, GONE, type Caller } from '../util/calls.js';
import { systemClock } from '../util/clock.js';
import { isSeen, onPage, type PageEvent } from '../util/page-events.js';
import type { PageCalls, WorkerCalls } from './worker-calls.js';

/** What answers no sooner is as good as gone. It is never busy for so long: it waits for its databases between any two batches. */
const ANSWERS_WITHIN_MS = 10_000;

/** How often it is asked whether it is there. */
const ASK_EVERY_MS = 10_000;

/** What the worker cannot see of its page. */
const TOLD: readonly PageEvent[] = ['pageshow', 'visibilitychange'];

/**
 * An engine in a worker of this page: what it computes keeps nobody from typing, and what a person does keeps nothing from
 * leaving.
 */
export interface EngineInWorker extends EnginePlace {
  /** Whether it has come up; while the page is frozen, the answer waits until it is awake. */
  isUp(): Promise<boolean>;
  readonly otherHalf: OtherHalf;
}

/** @param start may throw: a policy of the page may forbid workers */
export function inWorker(start: () => Worker, setup: EngineSetup, ports: PagePorts): EngineInWorker {
  let term = 0;
  let resignTerm: () => void = () => undefined;
  const storing = new Set<Promise<unknown>>();
  const page: PageCalls = {
    token: async () => ports.token(),
    changed: (said) => otherHalf.hear(said),
    unstored: ports.onUnstored,
    resign: (ended) => {
      if (ended === term) resignTerm();
    },
  };
  const thread = new WorkerThread(start, setup, page, () => resignTerm());
  const otherHalf: OtherHalf = {
    tab: setup.tab,
    tell: (said) => thread.calls?.tell('changed', said),
    hear: () => undefined,
  };
  const running = (): Caller<WorkerCalls> => {
    if (!thread.calls) throw new CallError(GONE);
    return thread.calls;
  };
  return {
    isUp: () => thread.isUp,
    otherHalf,
    lead: async (resign) => {
      const ours = ++term;
      resignTerm = resign;
      await running().call('lead', ours);
      return async () => running().call('stop');
    },
    store: async (message) => {
      if (!thread.up) return false;
      const stored = running()
        .call('store', message)
        .then(() => true, isGoneOrFails);
      storing.add(stored);
      return stored.finally(() => storing.delete(stored));
    },
    unregister: async () => running().call('unregister'),
    fetchLater: async () => running().call('fetchLater'),
    end: async () => {
      await Promise.allSettled(storing);
      thread.end();
    },
  };
}

/**
 * A worker that is frozen with its page inside a transaction blocks the database for every other tab, and is frozen before it
 * hears of it: so it ends when its page freezes, and another one begins when the page wakes. One that a browser has ended
 * for want of memory, which nobody is told of, is replaced.
 */
class WorkerThread {
  /** Null while there is none. */
  calls: Caller<WorkerCalls> | null = null;
  up = false;
  isUp: Promise<boolean>;
  #worker: Worker | null = null;
  #wake: () => void = () => undefined;
  #unwatch: () => void = () => undefined;
  readonly #unlisten: readonly (() => void)[];

  constructor(
    private readonly start: () => Worker,
    private readonly setup: EngineSetup,
    private readonly page: PageCalls,
    private readonly onReplaced: () => void,
  ) {
    this.isUp = this.#begin();
    this.#unlisten = [
      ...TOLD.map((event) =>
        onPage(event, () => {
          if (isSeen() || event !== 'visibilitychange') this.calls?.tell('happened', event);
        }),
      ),
      onPage('freeze', () => this.#freeze()),
      onPage('resume', () => this.#wake()),
    ];
  }

  end(): void {
    for (const stop of this.#unlisten) stop();
    this.#halt();
  }

  async #begin(): Promise<boolean> {
    try {
      this.#worker = this.start();
      this.calls = callsOver<WorkerCalls, PageCalls>(this.#worker, this.page);
      this.up = await hasOpened(this.#worker, this.calls, this.setup);
    } catch {
      // A policy of the page forbids it.
    }
    if (this.up) this.#watch();
    else this.#halt();
    return this.up;
  }

  #watch(): void {
    let cancel = systemClock.after(ASK_EVERY_MS, () => {
      cancel = systemClock.after(ANSWERS_WITHIN_MS, () => this.#replace());
      this.calls?.call('ping').then(
        () => {
          cancel();
          this.#watch();
        },
        () => undefined,
      );
    });
    this.#unwatch = () => cancel();
  }

  #replace(): void {
    this.#halt();
    this.isUp = this.#begin();
    this.onReplaced();
  }

  #halt(): void {
    this.up = false;
    this.#unwatch();
    this.#worker?.terminate();
    this.calls?.end();
    this.#worker = null;
    this.calls = null;
  }

  #freeze(): void {
    if (!this.up) return;
    this.#halt();
    this.isUp = new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = () => undefined;
        resolve(this.#begin());
      };
    });
  }
}

function hasOpened(worker: Worker, calls: Caller<WorkerCalls>, setup: EngineSetup): Promise<boolean> {
  return new Promise((resolve) => {
    const answer = (up: boolean) => (): void => {
      cancel();
      resolve(up);
    };
    const cancel = systemClock.after(ANSWERS_WITHIN_MS, answer(false));
    worker.addEventListener('error', answer(false), { once: true });
    calls.call('open', setup).then(answer(true), answer(false));
  });
}

/** False: the worker is gone, and may have stored it or not. Any other error is thrown as it was there. */
function isGoneOrFails(error: unknown): false {
  if (!(error instanceof CallError) || !error.code) throw error;
  if (error.code === GONE) return false;
  throw new StorageError(error.code as StorageErrorCode);
}
