import { afterEach, expect, test } from 'vitest';

import { CallError, callsOver } from './calls.js';

interface Worker {
  add(pair: readonly [number, number]): Promise<number>;
  fail(code: string | null): Promise<never>;
  note(text: string): void;
}

interface Page {
  ask(question: string): Promise<string>;
}

const channels: MessageChannel[] = [];
afterEach(() => {
  for (const { port1, port2 } of channels.splice(0)) [port1, port2].forEach((port) => port.close());
});

/** The two ends, as a page and its worker have them. */
function ends(worker: Worker, page: Page) {
  const channel = new MessageChannel();
  channels.push(channel);
  const { port1, port2 } = channel;
  for (const port of [port1, port2]) port.start();
  return {
    toWorker: callsOver<Worker, Page>(port1, page),
    toPage: callsOver<Page, Worker>(port2, worker),
  };
}

const noted: string[] = [];
const worker: Worker = {
  add: async ([a, b]) => a + b,
  fail: async (code) => {
    throw code === null ? new TypeError('no code') : Object.assign(new Error('with a code'), { code });
  },
  note: (text) => void noted.push(text),
};
const page: Page = { ask: async (question) => `${question}? yes` };

test('each end answers the other, side by side', async () => {
  const { toWorker, toPage } = ends(worker, page);
  const answers = await Promise.all([
    toWorker.call('add', [1, 2]),
    toPage.call('ask', 'ready'),
    toWorker.call('add', [3, 4]),
  ]);
  expect(answers).toEqual([3, 'ready? yes', 7]);
});

test('what fails at the other end fails here, with its code', async () => {
  const { toWorker } = ends(worker, page);
  await expect(toWorker.call('fail', 'storage-full')).rejects.toEqual(new CallError('storage-full'));
  await expect(toWorker.call('fail', null)).rejects.toMatchObject({ name: 'CallError', code: null });
  expect(await toWorker.call('add', [1, 1]), 'and leaves the way as it was').toBe(2);
});

test('what is only told is not answered, and comes before what is asked after it', async () => {
  const { toWorker } = ends(worker, page);
  toWorker.tell('note', 'first');
  await toWorker.call('add', [0, 0]);
  expect(noted).toEqual(['first']);
});
