import { expect, test, vi } from 'vitest';

import type { EngineSetup } from '../client/lead-here.js';
import type { NewMessage } from '../conversations/store-message.js';
import { inWorker } from './in-worker.js';

const setup = { tab: 'this tab' } as EngineSetup;
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

function begin() {
  const worker = new FakeWorker();
  const onUnstored = vi.fn();
  const place = inWorker(() => worker as unknown as Worker, setup, { token: () => 'token', onUnstored });
  if (!place) throw new Error('no worker');
  return { worker, place, onUnstored };
}

test('a page that may not start workers has none', () => {
  const forbidden = (): Worker => {
    throw new TypeError('This document requires TrustedScriptURL assignment.');
  };
  expect(inWorker(forbidden, setup, { token: () => 'token', onUnstored: () => undefined })).toBeNull();
});

test('a worker whose file cannot be had is given up, and nothing is stored through it', async () => {
  const { worker, place } = begin();
  worker.dispatchEvent(new Event('error'));
  expect(await place.isUp).toBe(false);
  expect(worker.terminated).toBe(true);
  expect(place.store(message)).toBeNull();
});

test('a worker that cannot open the stores is given up', async () => {
  const { worker, place } = begin();
  worker.answer('open', 'storage-failed', true);
  expect(await place.isUp).toBe(false);
  expect(worker.terminated).toBe(true);
});

test('messages are stored in a worker that is up; a full disk is what it is; the end waits for what is being stored', async () => {
  const { worker, place } = begin();
  expect(place.store(message), 'not yet').toBeNull();
  worker.answer('open');
  expect(await place.isUp).toBe(true);

  const refused = expect(place.store(message)).rejects.toMatchObject({ name: 'StorageError', code: 'storage-full' });
  worker.answer('store', 'storage-full', true);
  await refused;

  const stored = place.store(message);
  const ended = place.end();
  expect(worker.terminated).toBe(false);
  worker.answer('store');
  await Promise.all([stored, ended]);
  expect(worker.terminated).toBe(true);
});

test('a leadership is resigned by its own word, not by that of an earlier one', async () => {
  const { worker, place } = begin();
  worker.answer('open');
  await place.isUp;
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
