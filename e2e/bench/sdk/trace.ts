/**
 * Where the time between a keypress and the other screen goes: the transactions, frames and socket messages of both tabs on
 * one clock.
 */
import type { Page } from 'playwright';

import { quantile } from './stage.js';

export interface TraceEvent {
  /** Milliseconds since the epoch, with fractions. */
  at: number;
  what: string;
}

/** A page, or the worker of one. */
export interface Thread {
  evaluate<R>(work: string | (() => R)): Promise<R>;
}

/** Makes the pages and their workers note what they do with their databases and sockets. @returns the threads by name */
export async function noteEverything(pages: Readonly<Record<string, Page>>): Promise<Record<string, Thread>> {
  const threads: Record<string, Thread> = {};
  for (const [who, page] of Object.entries(pages)) {
    threads[who] = page;
    for (const worker of page.workers()) threads[`${who}'s worker`] = worker;
  }
  await Promise.all(Object.values(threads).map(noteThread));
  return threads;
}

async function noteThread(thread: Thread): Promise<void> {
  // The transpiler wraps named functions in a helper that the worker does not have.
  await thread.evaluate('globalThis.__name = (named) => named');
  await thread.evaluate(() => {
    const events: { at: number; what: string }[] = [];
    Object.assign(globalThis, { traceEvents: events });
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
    Object.assign(globalThis, { traceNote: note });
  });
}

/** What all threads did for each message, on one clock. */
export async function readTrace(
  threads: Readonly<Record<string, Thread>>,
  messages: readonly { readonly pressedAt: number; readonly shownAt: number }[],
): Promise<string[]> {
  const all: (TraceEvent & { who: string })[] = [];
  for (const [who, thread] of Object.entries(threads)) {
    const events = await thread.evaluate(() => (globalThis as unknown as { traceEvents: TraceEvent[] }).traceEvents);
    all.push(...events.map((event) => ({ ...event, who })));
  }
  all.sort((a, b) => a.at - b.at);
  // The n-th event of a kind at one page, in each message: when, after the keypress.
  const times = new Map<string, number[]>();
  for (const { pressedAt, shownAt } of messages) {
    const counts = new Map<string, number>();
    for (const { at, who, what } of all) {
      if (at < pressedAt || at > shownAt) continue;
      const kind = `${who.padEnd(14)} ${what.replace(/^tx\d+ /, '')}`;
      const nth = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, nth);
      const key = nth === 1 ? kind : `${kind} (${nth})`;
      times.set(key, [...(times.get(key) ?? []), at - pressedAt]);
    }
  }
  return [...times]
    .filter(([, list]) => list.length >= messages.length / 2)
    .map(([key, list]) => ({ key, p10: quantile(list, 0.1), p50: quantile(list, 0.5) }))
    .sort((a, b) => a.p50 - b.p50)
    .map(({ key, p10, p50 }) => `p10 ${p10.toFixed(1).padStart(6)}  p50 ${p50.toFixed(1).padStart(6)} ms  ${key}`);
}
