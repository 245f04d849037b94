/** A page of an app that uses Sotto, as small as such a page can be; what it shows it also keeps for the tests to read. */
import '@sotto/widget/register';

import { WORKERS } from './start-worker.js';
import { createClient, type ConnectionState, type Message, type ReceiptPolicy, type SottoClient } from '@sotto/sdk';
import type { SottoChat } from '@sotto/widget';

/** What the tests read from the page. */
export interface Probe {
  client: SottoClient;
  peer: string;
  connection: ConnectionState;
  messages: readonly Message[];
}

declare global {
  interface Window {
    probe?: Probe;
    /** Whether this page was restored from the back/forward cache. */
    cameBack?: boolean;
  }
}

const parameter = (name: string): string => {
  const value = new URLSearchParams(location.search).get(name);
  if (value === null) throw new Error(`the page needs ?${name}=`);
  return value;
};

const user = parameter('user');
const worker = WORKERS[parameter('worker') as keyof typeof WORKERS];
const client = await createClient({
  relay: parameter('relay'),
  app: parameter('app'),
  user,
  receipts: parameter('receipts') as ReceiptPolicy,
  ...(worker && { worker }),
  token: async () => {
    const response = await fetch(`/token?user=${encodeURIComponent(user)}`);
    if (!response.ok) throw new Error('the app gives no token');
    return response.text();
  },
});
const conversation = client.direct(parameter('with'));

const chat = document.querySelector<SottoChat>('sotto-chat');
if (!chat) throw new Error('the page has no <sotto-chat>');
chat.with = conversation.user;
chat.client = client;

const probe: Probe = { client, peer: conversation.user, connection: client.connection.get(), messages: [] };
client.connection.subscribe((state) => {
  probe.connection = state;
});
conversation.messages.subscribe((messages) => {
  probe.messages = messages;
});
window.probe = probe;
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) window.cameBack = true;
});
