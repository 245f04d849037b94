/** A page of an app with a list of conversations and, if asked for, one open conversation. Notes when things happen. */
import '@sotto/widget/register';

import { createClient, type ClientOptions, type SottoClient } from '@sotto/sdk';
import type { SottoChat } from '@sotto/widget';

import { startWorker } from '../../page/start-worker.js';

export interface Bench {
  client: SottoClient;
  /** Milliseconds since navigation. */
  marks: { module: number; listPainted?: number };
  /** Opens another client of the same user. */
  open: () => Promise<SottoClient>;
  longTasks: number[];
}

declare global {
  interface Window {
    bench?: Bench;
  }
}

const query = new URLSearchParams(location.search);
const parameter = (name: string): string => query.get(name) ?? '';
const marks: Bench['marks'] = { module: performance.now() };
const longTasks: number[] = [];
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longTasks.push(duration);
}).observe({ type: 'longtask', buffered: true });

const options: ClientOptions = {
  relay: parameter('relay'),
  app: parameter('app'),
  user: parameter('user'),
  receipts: 'always',
  worker: () => startWorker(),
  token: async () => (await fetch(`/token?user=${encodeURIComponent(parameter('user'))}`)).text(),
};
const client = await createClient(options);
// A live value follows only while somebody listens.
client.connection.subscribe(() => undefined);
window.bench = { client, marks, longTasks, open: () => createClient(options) };

const list = document.querySelector('ul');
client.conversations.subscribe((conversations) => {
  list?.replaceChildren(
    ...conversations.map(({ user, unread, last }) => {
      const item = document.createElement('li');
      item.textContent = `${user} (${unread}) ${last?.text ?? ''}`;
      return item;
    }),
  );
  if (conversations.length === 0 || marks.listPainted !== undefined) return;
  // A message after the frame: the frame is painted then.
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (marks.listPainted ??= performance.now());
    port2.postMessage(null);
  });
});

const chat = document.querySelector<SottoChat>('sotto-chat');
if (chat && parameter('with') !== '') {
  chat.with = parameter('with');
  chat.client = client;
} else chat?.remove();
