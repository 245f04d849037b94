import { vi } from 'vitest';

import type { Clock } from '../../src/util/clock.js';

type Task = () => void;
type Granted = (lock: Lock) => unknown;

/** One request for a lock, waiting or granted. */
interface LockRequest {
  readonly name: string;
  readonly tab: FakeTab;
  readonly granted: Granted;
  readonly signal: AbortSignal | undefined;
  readonly settle: { resolve(value: unknown): void; reject(error: unknown): void };
}

const aborted = (): DOMException => new DOMException('The request was aborted.', 'AbortError');

/**
 * What tabs of one browser share: locks, as the Web Locks specification has them, and channels; and what each has alone: its
 * page's events, whether it is seen, and whether it runs. Time passes when a story lets it.
 */
export class FakeBrowser {
  readonly channels = new Set<FakeChannel>();
  readonly #tabs = new Set<FakeTab>();
  #held: LockRequest[] = [];
  #queue: LockRequest[] = [];
  /** The tab whose code runs. */
  #running: FakeTab | null = null;
  readonly #tasks: Task[] = [];
  readonly #timers = new Set<{ readonly at: number; readonly run: Task }>();
  #now = 0;

  /** Puts what pages have into `globalThis`, where it is that of the running tab; `vi.unstubAllGlobals()` takes it out. */
  install(): this {
    const running = (): FakeTab => {
      if (!this.#running) throw new Error('code of no tab runs');
      return this.#running;
    };
    vi.stubGlobal('navigator', {
      get locks() {
        return running().locks;
      },
    });
    vi.stubGlobal('document', undefined);
    Object.defineProperty(globalThis, 'document', { configurable: true, get: () => running().document });
    vi.stubGlobal('addEventListener', (type: string, run: Task) => running().window.addEventListener(type, run));
    vi.stubGlobal('removeEventListener', (type: string, run: Task) => running().window.removeEventListener(type, run));
    vi.stubGlobal(
      'BroadcastChannel',
      class extends FakeChannel {
        constructor(name: string) {
          super(running(), name);
        }
      },
    );
    return this;
  }

  open(name: string, visibilityState: DocumentVisibilityState = 'visible'): FakeTab {
    const tab = new FakeTab(this, name, visibilityState);
    this.#tabs.add(tab);
    return tab;
  }

  within<T>(tab: FakeTab, run: () => T): T {
    const before = this.#running;
    this.#running = tab;
    try {
      return run();
    } finally {
      this.#running = before;
    }
  }

  /** Lets so many milliseconds pass: timers in their order, and before the next all that one has set off. */
  async pass(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await this.#settle();
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.run();
    }
    this.#now = end;
  }

  async #settle(): Promise<void> {
    for (;;) {
      await new Promise(setImmediate);
      const task = this.#tasks.shift();
      if (!task) return;
      task();
    }
  }

  /** Runs it after what runs now, and the microtasks of that. */
  later(task: Task): void {
    this.#tasks.push(task);
  }

  after(ms: number, run: Task): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  get now(): number {
    return this.#now;
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** How many hold or want a lock. */
  get requests(): { held: number; queued: number } {
    return { held: this.#held.length, queued: this.#queue.length };
  }

  /** Section 4 of Web Locks: "request a lock". */
  request(tab: FakeTab, name: string, { steal = false, signal }: LockOptions, granted: Granted): Promise<unknown> {
    if (steal && signal) return Promise.reject(new DOMException('steal with a signal', 'NotSupportedError'));
    if (signal?.aborted) return Promise.reject(aborted());
    return new Promise((resolve, reject) => {
      const request: LockRequest = { name, tab, granted, signal, settle: { resolve, reject } };
      if (steal) {
        for (const robbed of this.#held.filter((held) => held.name === name)) this.#rob(robbed);
        this.#queue.unshift(request);
      } else {
        this.#queue.push(request);
        signal?.addEventListener('abort', () => this.#withdraw(request));
      }
      this.#process();
    });
  }

  /** A closed or crashed tab wants nothing any more, and its locks are free. */
  forget(tab: FakeTab): void {
    this.#tabs.delete(tab);
    for (const channel of this.channels) if (channel.tab === tab) this.channels.delete(channel);
    this.#held = this.#held.filter((held) => held.tab !== tab);
    this.#queue = this.#queue.filter((queued) => queued.tab !== tab);
    this.#process();
  }

  #rob(request: LockRequest): void {
    this.#held = this.#held.filter((held) => held !== request);
    request.tab.task(() => request.settle.reject(aborted()));
  }

  /** A signal takes back what waits; what was granted stays granted. */
  #withdraw(request: LockRequest): void {
    if (!this.#queue.includes(request)) return;
    this.#queue = this.#queue.filter((queued) => queued !== request);
    request.settle.reject(aborted());
    this.#process();
  }

  #release(request: LockRequest): void {
    this.#held = this.#held.filter((held) => held !== request);
    this.#process();
  }

  #process(): void {
    for (const request of [...this.#queue]) {
      if (this.#held.some(({ name }) => name === request.name)) continue;
      this.#queue = this.#queue.filter((queued) => queued !== request);
      this.#held.push(request);
      request.tab.task(() => this.#grant(request));
    }
  }

  #grant(request: LockRequest): void {
    const { settle, signal } = request;
    if (signal?.aborted) {
      this.#release(request);
      return;
    }
    const waiting = Promise.resolve(request.granted({ name: request.name, mode: 'exclusive' }));
    void waiting.then(settle.resolve, settle.reject).finally(() => this.#release(request));
  }
}

/** Delivers to every other channel of its name, in tasks of the tabs that listen. */
class FakeChannel extends EventTarget {
  constructor(
    readonly tab: FakeTab,
    readonly name: string,
  ) {
    super();
    this.#open.add(this);
  }

  get #open(): Set<FakeChannel> {
    return this.tab.browser.channels;
  }

  postMessage(data: unknown): void {
    if (!this.#open.has(this)) throw new DOMException('closed', 'InvalidStateError');
    for (const other of this.#open) {
      if (other === this || other.name !== this.name) continue;
      other.tab.task(() => {
        if (this.#open.has(other)) other.dispatchEvent(new MessageEvent('message', { data }));
      });
    }
  }

  close(): void {
    this.#open.delete(this);
  }
}

/** Counts its listeners, so that a story can see that nothing is left behind. */
class CountedTarget extends EventTarget {
  listeners = 0;

  override addEventListener(...args: Parameters<EventTarget['addEventListener']>): void {
    this.listeners++;
    super.addEventListener(...args);
  }

  override removeEventListener(...args: Parameters<EventTarget['removeEventListener']>): void {
    this.listeners--;
    super.removeEventListener(...args);
  }
}

class FakeDocument extends CountedTarget {
  constructor(public visibilityState: DocumentVisibilityState) {
    super();
  }
}

export class FakeTab {
  readonly window = new CountedTarget();
  readonly document: FakeDocument;
  readonly clock: Clock;
  readonly locks: Pick<LockManager, 'request'>;
  /** What waits for a tab that stands still; null while it runs. */
  #backlog: Task[] | null = null;
  #gone = false;

  constructor(
    readonly browser: FakeBrowser,
    readonly name: string,
    visibilityState: DocumentVisibilityState,
  ) {
    this.document = new FakeDocument(visibilityState);
    this.clock = {
      now: () => browser.now,
      ticks: () => browser.now,
      after: (ms, run) => browser.after(ms, () => this.#run(run)),
    };
    const request = (lock: string, options: LockOptions, granted: Granted): Promise<unknown> =>
      browser.request(this, lock, options, granted);
    this.locks = { request: request as LockManager['request'] };
  }

  /** Runs code of this tab. */
  run<T>(code: () => T): T {
    return this.browser.within(this, code);
  }

  /** Runs it in a task of its own, or when the tab runs again. */
  task(run: Task): void {
    this.browser.later(() => this.#run(run));
  }

  pageEvent(type: 'pagehide' | 'pageshow'): void {
    this.run(() => this.window.dispatchEvent(new Event(type)));
  }

  documentEvent(type: 'freeze' | 'resume'): void {
    this.run(() => this.document.dispatchEvent(new Event(type)));
  }

  /** From now on nothing of it runs, and no event has said so. */
  standStill(): void {
    this.#backlog ??= [];
  }

  goOn(): void {
    const backlog = this.#backlog ?? [];
    this.#backlog = null;
    for (const task of backlog) this.task(task);
  }

  close(): void {
    this.#gone = true;
    this.browser.forget(this);
  }

  #run(run: Task): void {
    if (this.#gone) return;
    if (this.#backlog) this.#backlog.push(run);
    else this.run(run);
  }
}
