/**
 * Where the time between a keypress and the other screen goes: the transactions, frames and socket messages of both tabs on
 * one clock.
 */
import type { Page } from 'playwright';

export interface TraceEvent {
  /** Milliseconds since the epoch, with fractions. */
  at: number;
  what: string;
}

/** Makes a page note what it does with its databases and its socket; to be called before the page loads. */
export async function noteEverything(page: Page): Promise<void> {
  // The transpiler wraps named functions in a helper that the page does not have.
  await page.addInitScript({ content: 'globalThis.__name = (named) => named' });
  await page.addInitScript(() => {
    const events: { at: number; what: string }[] = [];
    Object.assign(window, { traceEvents: events });
    const now = (): number => performance.timeOrigin + performance.now();
    const note = (what: string): void => void events.push({ at: now(), what });
    const begin = IDBDatabase.prototype.transaction;
    let count = 0;
    IDBDatabase.prototype.transaction = function (stores, mode, options) {
      const transaction = begin.call(this, stores, mode, options);
      const name = `tx${++count} ${mode} ${this.name.split('-').at(-1)} [${[...transaction.objectStoreNames].join()}]`;
      note(`${name} begins`);
      transaction.addEventListener('complete', () => note(`${name} complete`));
      transaction.addEventListener('abort', () => note(`${name} ABORTED`));
      return transaction;
    };
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
      note(`socket send ${data instanceof ArrayBuffer ? data.byteLength : ''}`);
      if (!('traced' in this)) {
        Object.assign(this, { traced: true });
        this.addEventListener('message', ({ data: got }: MessageEvent<ArrayBuffer | string>) =>
          note(`socket receive ${got instanceof ArrayBuffer ? got.byteLength : got.length}`),
        );
      }
      send.call(this, data);
    };
    addEventListener(
      'keydown',
      (event) => {
        events.push({ at: performance.timeOrigin + event.timeStamp, what: 'KEYDOWN' });
        note('keydown handled');
      },
      { capture: true },
    );
    Object.assign(window, { traceNote: note });
  });
}

/** All events of both pages since `from`, in order. */
export async function readTrace(pages: Readonly<Record<string, Page>>, from: number): Promise<string[]> {
  const all: (TraceEvent & { who: string })[] = [];
  for (const [who, page] of Object.entries(pages)) {
    const events = await page.evaluate(() => (window as unknown as { traceEvents: TraceEvent[] }).traceEvents);
    all.push(...events.map((event) => ({ ...event, who })));
  }
  return all
    .filter(({ at }) => at >= from)
    .sort((a, b) => a.at - b.at)
    .map(({ at, who, what }) => `${(at - from).toFixed(1).padStart(7)} ms  ${who.padEnd(6)} ${what}`);
}
