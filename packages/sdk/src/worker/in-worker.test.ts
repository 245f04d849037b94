import { afterEach, expect, test, vi } from 'vitest';

import type { EngineSetup, PagePorts } from '../client/lead-here.js';
import type { NewMessage } from '../conversations/store-message.js';
import { inWorker } from './in-worker.js';

const setup = { tab: 'this tab' } as EngineSetup;
const ports: PagePorts = { token: () => 'token', onUnstored: () => undefined };
const message = { id: 'a message' } as NewMessage;

interface Asked {
  readonly call: string;
  readonly id: number | null;
}

/** A worker whose other end is this test. */
class FakeWorker extends EventTarget {
  readonly asked: Asked[] = [];
  terminated = false;

  postMessage(asked: Asked): void {
    this.asked.push(asked);
  }

  terminate(): void {
    this.terminated = true;
  }

  /** Answers the last call of that name. */
  answer(call: string, value?: unknown, failed = false): void {
    const answers = this.asked.findLast((asked) => asked.call === call)?.id;
    this.dispatchEvent(new MessageEvent('message', { data: { answers, value, failed } }));
  }
}

afterEach(() => {
  vi.useRealTimers();
});

/** However many the page starts. */
function beginMany() {
  const workers: FakeWorker[] = [];
  const start = (): Worker => {
    const worker = new FakeWorker();
    workers.push(worker);
    return worker as unknown as Worker;
  };
  return { workers, place: inWorker(start, setup, ports) };
}

function begin() {
  const worker = new FakeWorker();
  return { worker, place: inWorker(() => worker as unknown as Worker, setup, ports) };
}

test('a page that may not start workers has none', async () => {
  const forbidden = (): Worker => {
    throw new TypeError('This document requires TrustedScriptURL assignment.');
  };
  const place = inWorker(forbidden, setup, ports);
  expect(await place.isUp()).toBe(false);
  expect(await place.store(message)).toBe(false);
});

test('a worker whose file cannot be had is given up, and nothing is stored through it', async () => {
  const { worker, place } = begin();
  worker.dispatchEvent(new Event('error'));
  expect(await place.isUp()).toBe(false);
  expect(worker.terminated).toBe(true);
  expect(await place.store(message)).toBe(false);
});

test('a worker that cannot open the stores is given up', async () => {
  const { worker, place } = begin();
  worker.answer('open', 'storage-failed', true);
  expect(await place.isUp()).toBe(false);
  expect(worker.terminated).toBe(true);
});

test('messages are stored in a worker that is up; a full disk is what it is; the end waits for what is being stored', async () => {
  const { worker, place } = begin();
  expect(await place.store(message), 'not yet').toBe(false);
  worker.answer('open');
  expect(await place.isUp()).toBe(true);

  const refused = expect(place.store(message)).rejects.toMatchObject({ name: 'StorageError', code: 'storage-full' });
  worker.answer('store', 'storage-full', true);
  await refused;

  const stored = place.store(message);
  const ended = place.end();
  expect(worker.terminated).toBe(false);
  worker.answer('store');
  await ended;
  expect(await stored).toBe(true);
  expect(worker.terminated).toBe(true);
});

test('a leadership is resigned by its own word, not by that of an earlier one', async () => {
  const { worker, place } = begin();
  worker.answer('open');
  await place.isUp();
  const resigned: string[] = [];
  const say = (call: string, argument: unknown): void => {
    worker.dispatchEvent(new MessageEvent('message', { data: { call, argument, id: null } }));
  };
  for (const name of ['first', 'second']) {
    const leading = place.lead(() => resigned.push(name));
    worker.answer('lead');
    const stop = await leading;
    if (name === 'second') break;
    const stopped = stop();
    worker.answer('stop');
    await stopped;
  }
  say('resign', 1);
  await Promise.resolve();
  expect(resigned).toEqual([]);
  say('resign', 2);
  await Promise.resolve();
  expect(resigned).toEqual(['second']);
});

test('a page that freezes ends its worker, with what it was doing, and has another when it wakes', async () => {
  const page = new EventTarget();
  vi.stubGlobal('document', page);
  const { workers, place } = beginMany();
  vi.unstubAllGlobals();
  workers[0]?.answer('open');
  await place.isUp();
  const leading = place.lead(() => undefined);
  workers[0]?.answer('lead');
  const stop = await leading;
  const stored = place.store(message);
  page.dispatchEvent(new Event('freeze'));
  expect(workers.map(({ terminated }) => terminated)).toEqual([true]);
  expect(await stored, 'the page stores what may not be stored').toBe(false);
  await expect(stop()).rejects.toMatchObject({ code: 'gone' });
  const isUp = place.isUp();
  page.dispatchEvent(new Event('resume'));
  workers[1]?.answer('open');
  expect(await isUp).toBe(true);
  expect(workers.map(({ terminated }) => terminated)).toEqual([true, false]);
});

test('a worker that falls silent is replaced, and its leadership resigned', async () => {
  vi.useFakeTimers();
  const { workers, place } = beginMany();
  workers[0]?.answer('open');
  await place.isUp();
  const resign = vi.fn();
  const leading = place.lead(resign);
  workers[0]?.answer('lead');
  const stop = await leading;

  for (let i = 0; i < 3; i++) {
    await vi.advanceTimersByTimeAsync(19_000);
    workers[0]?.answer('ping');
    await vi.advanceTimersByTimeAsync(0);
  }
  expect([workers.length, resign.mock.calls.length], 'one that answers late is left alone').toEqual([1, 0]);

  const stored = place.store(message);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(workers.map(({ terminated }) => terminated)).toEqual([true, false]);
  expect(await stored, 'the page stores what may not be stored').toBe(false);
  expect(resign).toHaveBeenCalledOnce();

  const stopped = stop();
  workers[1]?.answer('open');
  workers[1]?.answer('stop');
  await stopped;
  expect(await place.isUp()).toBe(true);
  await place.end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(workers.map(({ terminated }) => terminated)).toEqual([true, true]);
});
