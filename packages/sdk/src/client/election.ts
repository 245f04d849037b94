import type { Clock } from '../util/clock.js';
import { onPage } from '../util/page-events.js';

/** What a tab does while it leads; the returned function ends it. */
export type Lead = (resign: () => void) => Promise<() => Promise<void>>;

export interface Election {
  /** Gives up leading, or waiting for it, for good. */
  stop(): Promise<void>;
}

/** How often a visible follower asks whether the leader still answers, and how long it waits. */
const ASK_EVERY_MS = 5_000;
const ANSWER_WITHIN_MS = 2_000;

/** After resigning, another tab gets this long to take the lead before this one asks again. */
const RESIGNED_MS = 1_000;

/**
 * One leader among all tabs of a user, by a Web Lock. A closed or crashed leader loses the lock by itself. A *frozen* one keeps
 * it, so a visible follower asks the leader now and then, and takes the lock from one that does not answer; what the old
 * leader does when it thaws is stopped by the epoch in the vault. A page that may be frozen or cached lets go before.
 *
 * Without Web Locks (Node) the only tab leads at once.
 */
export function startElection(lockName: string, channelName: string, clock: Clock, lead: Lead): Election {
  const locks = (globalThis.navigator as Navigator | undefined)?.locks;
  return locks ? new LockElection(locks, lockName, channelName, clock, lead) : leadAlone(clock, lead);
}

/** For stores that nobody else shares: leads at once, and again when it had to resign or could not begin. */
export function leadAlone(clock: Clock, lead: Lead): Election {
  let stopped = false;
  let cancel: () => void = () => undefined;
  let leading: Promise<() => Promise<void>>;
  const end = async (): Promise<void> => {
    const stop = await leading.catch(() => null);
    await stop?.();
  };
  const again = (): void => {
    cancel();
    cancel = clock.after(RESIGNED_MS, begin);
  };
  const begin = (): void => {
    if (stopped) return;
    leading = lead(() => void end().finally(again));
    leading.catch(again);
  };
  begin();
  return {
    stop: async () => {
      stopped = true;
      cancel();
      await end();
    },
  };
}

/** Says to followers that whoever leads in this thread is alive. @returns what ends it */
export function answerFollowers(channelName: string): () => void {
  const channel = new BroadcastChannel(channelName);
  channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (data === 'ask') channel.postMessage('here');
  });
  return () => channel.close();
}

class LockElection implements Election {
  #stopped = false;
  /** The engine is being started: from then on it answers for itself. */
  #starting = false;
  #waiting: AbortController | null = null;
  /** Ends the leadership that is under way; `atOnce` frees the lock before what led has stopped. */
  #release: ((atOnce: boolean) => Promise<void>) | null = null;
  /** The last leadership's end. */
  #ended: Promise<void> = Promise.resolve();
  /** Of the next question, or of the answer that is waited for. */
  #cancelTimer: () => void = () => undefined;
  /** Of standing again after resigning. */
  #cancelReturn: () => void = () => undefined;
  readonly #unlisten: (() => void)[];
  readonly #channel: BroadcastChannel;
  readonly #locks: LockManager;
  readonly #lockName: string;
  readonly #clock: Clock;
  readonly #lead: Lead;

  constructor(locks: LockManager, lockName: string, channelName: string, clock: Clock, lead: Lead) {
    this.#locks = locks;
    this.#lockName = lockName;
    this.#clock = clock;
    this.#lead = lead;
    this.#channel = new BroadcastChannel(channelName);
    this.#channel.addEventListener('message', (event: MessageEvent<unknown>) => {
      if (event.data === 'ask' && this.#starting) this.#channel.postMessage('here');
    });
    this.#unlisten = this.#listen();
    this.#request({});
    this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const unlisten of this.#unlisten) unlisten();
    this.#cancelTimer();
    this.#cancelReturn();
    await this.#letGo();
    this.#channel.close();
  }

  /** Lets go before the page may freeze or go into the back/forward cache, and comes back with it. */
  #listen(): (() => void)[] {
    // At once: a frozen page finishes nothing, and the epoch in the vault keeps its engine from doing harm.
    const leave = (): void => void this.#letGo(true);
    const comeBack = (): void => void this.#ended.then(() => this.#request({}));
    return [
      onPage('pagehide', leave),
      onPage('freeze', leave),
      onPage('pageshow', comeBack),
      onPage('resume', comeBack),
    ];
  }

  #request(options: { steal?: true }): void {
    if (this.#stopped || this.#waiting || this.#release) return;
    const waiting = new AbortController();
    this.#waiting = waiting;
    // A steal cannot be aborted, and needs not: it is granted at once.
    this.#locks
      .request(this.#lockName, options.steal ? { steal: true } : { signal: waiting.signal }, () => this.#hold(waiting))
      .catch(() => undefined)
      .finally(() => {
        if (this.#waiting === waiting) this.#waiting = null;
        // The lock is gone while we lead: it was stolen. Stand again, behind the thief.
        if (this.#release) this.#resign();
      });
  }

  /** Leads until released; the promise keeps the lock. */
  async #hold(waiting: AbortController): Promise<void> {
    this.#waiting = null;
    if (this.#stopped || waiting.signal.aborted) return;
    let free: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (free = resolve));
    this.#starting = true;
    const leading = this.#lead(() => this.#resign()).finally(() => (this.#starting = false));
    this.#release = async (atOnce) => {
      this.#release = null;
      if (atOnce) free();
      try {
        await (
          await leading
        )();
      } finally {
        free();
      }
    };
    try {
      await leading;
    } catch {
      // It could not begin (storage refused): let another tab try, and then this one again.
      this.#resign();
    }
    await held;
  }

  #resign(): void {
    void this.#letGo().finally(() => {
      if (!this.#stopped) this.#cancelReturn = this.#clock.after(RESIGNED_MS, () => this.#request({}));
    });
  }

  #letGo(atOnce = false): Promise<void> {
    this.#waiting?.abort();
    this.#waiting = null;
    if (this.#release) this.#ended = this.#release(atOnce).catch(() => undefined);
    return this.#ended;
  }

  #watch(): void {
    this.#cancelTimer = this.#clock.after(ASK_EVERY_MS, () => {
      void this.#leaderAnswers().then((answers) => {
        if (this.#stopped) return;
        if (!answers && this.#waiting) {
          this.#waiting.abort();
          this.#waiting = null;
          this.#request({ steal: true });
        }
        this.#watch();
      });
    });
  }

  /** A hidden tab's timers may be slowed to one a minute: only a visible one can tell silence from slowness. */
  #leaderAnswers(): Promise<boolean> {
    const { document } = globalThis as { document?: Document };
    if (this.#release || !this.#waiting || document?.visibilityState !== 'visible') return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = (answers: boolean): void => {
        cancel();
        this.#channel.removeEventListener('message', hear);
        resolve(answers);
      };
      const hear = (event: MessageEvent<unknown>): void => {
        if (event.data === 'here') finish(true);
      };
      const cancel = this.#clock.after(ANSWER_WITHIN_MS, () => finish(false));
      this.#cancelTimer = cancel;
      this.#channel.addEventListener('message', hear);
      this.#channel.postMessage('ask');
    });
  }
}
