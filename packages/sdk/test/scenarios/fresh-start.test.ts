import { expect, test } from 'vitest';

import type { Rows, Tables } from '../../src/storage/tables.js';
import { equalBytes } from '../../src/util/bytes.js';
import type { Message } from '../../src/index.js';
import { wakeMortal } from '../support/crashing-tables.js';
import { aciOfName } from '../support/fake-relay.js';
import { gate } from '../support/gate.js';
import { aliceAndBobTalking, type Pair, startsAfresh } from '../support/person.js';
import { kindsOf } from '../support/shown.js';

const NOTHING = new Uint8Array();

/** The same tables; `after` is waited for after each commit. */
function observed<R extends Rows, T extends Tables<R>>(tables: T, after: () => Promise<void>): T {
  const write: Tables<R>['write'] = async (names, work) => {
    const value = await tables.write(names, work);
    await after();
    return value;
  };
  return { ...tables, write };
}

/** Alice and Bob have talked; what he writes last waits for her, who is away. */
async function lastWordsWaiting(): Promise<Pair> {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await alice.sleep();
  await bob.say(alice, 'last words');
  await bob.hasSent(alice, 'last words');
  return { relay, alice, bob };
}

test('Bob starts afresh on a new device: Alice sees that his identity changed, and can go on writing', async () => {
  const { alice, bob } = await aliceAndBobTalking();
  const newBob = await startsAfresh(bob);
  await newBob.say(alice, 'new phone');
  const messages = await alice.sees(bob, (list) => list.some(({ text }) => text === 'new phone'));
  expect(messages.filter(({ kind }) => kind === 'identity-changed')).toHaveLength(1);
  await alice.say(bob, 'who is this?');
  expect(await newBob.texts(alice, 2)).toContain('who is this?');
});

test('what was sealed for an identity that is gone is not sent to the new one by itself', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await bob.sleep();
  const tried = gate();
  relay.onSubmit = (_, from) => {
    if (from !== aciOfName('alice')) return null;
    tried.open();
    return 'unavailable';
  };
  await alice.say(bob, 'for the old Bob only');
  await tried.opened;
  await alice.sleep();
  relay.onSubmit = () => null;
  const newBob = await startsAfresh(bob);
  await alice.wake();
  const messages = await alice.sees(bob, (list) => list.some((one) => one.kind === 'text' && one.status === 'failed'));
  const failed = messages.find((one) => one.kind === 'text' && one.status === 'failed');
  expect(failed).toMatchObject({ failure: 'identity-changed', text: 'for the old Bob only' });
  await alice.client.direct('bob').retry(failed?.id ?? '');
  expect(await newBob.texts(alice, 1)).toEqual(['for the old Bob only']);
});

test('what Bob wrote before he started afresh is read, although it arrives together with the news', async () => {
  const { alice, bob } = await lastWordsWaiting();
  const newBob = await startsAfresh(bob);
  await newBob.say(alice, 'new phone');
  await newBob.hasSent(alice, 'new phone');
  await alice.wake();
  const list = await alice.sees(bob, (messages) => messages.some(({ text }) => text === 'new phone'));
  expect(kindsOf(list)).toEqual(['hello', 'hi', 'last words', 'identity-changed', 'new phone']);
});

test('what Bob wrote before he started afresh is read once, although the news overtakes it between two commits', async () => {
  const { relay, alice, bob } = await lastWordsWaiting();
  const envelope = relay.mailbox('alice').envelopes.pop();
  relay.mailbox('alice').head--;
  if (!envelope) throw new Error('nothing was sent');
  await startsAfresh(bob);

  // His message comes while Alice's device is told of his new identity; it stands in her history when his old sessions go.
  const [shown, forgotten] = [gate(), gate()];
  const bobsIdentity = async (): Promise<Uint8Array | undefined> =>
    (await alice.vault.read(['peers'], (transaction) => transaction.get('peers', [aciOfName('bob')])))?.identityKey;
  const before = await bobsIdentity();
  let isShown = false;
  const history = observed(alice.history, async () => {
    const rows = await alice.history.read(['messages'], (transaction) => transaction.range('messages'));
    if (isShown || !JSON.stringify(rows).includes('last words')) return;
    isShown = true;
    shown.open();
    await forgotten.opened;
  });
  const vault = observed(alice.vault, async () => {
    if (!equalBytes((await bobsIdentity()) ?? NOTHING, before ?? NOTHING)) forgotten.open();
  });
  relay.beforeAnswer = async (path) => {
    if (path !== `/v1/users/${aciOfName('bob')}/device-list`) return;
    relay.beforeAnswer = async () => undefined;
    relay.inject('alice', envelope);
    await shown.opened;
  };
  await alice.wake({ history, vault });
  await alice.say(bob, 'are you there?');
  await forgotten.opened;
  await relay.emptied('alice');
  const list = await alice.sees(bob, (messages) => messages.some(({ kind }) => kind === 'identity-changed'));
  expect(list.filter(({ kind }) => kind === 'undecryptable')).toEqual([]);
  expect(list.filter(({ text }) => text === 'last words')).toHaveLength(1);
});

test('what waits for the old Bob is held back when the new Bob writes first', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await bob.sleep();
  const tried = gate();
  relay.onSubmit = (_, from) => {
    if (from !== aciOfName('alice')) return null;
    tried.open();
    return 'unavailable';
  };
  await alice.say(bob, 'for the old Bob only');
  await tried.opened;
  const newBob = await startsAfresh(bob);
  await newBob.say(alice, 'it is me, really');
  const messages = await alice.sees(bob, (list) => list.some(({ text }) => text === 'it is me, really'));
  expect(messages.find(({ text }) => text === 'for the old Bob only')).toMatchObject({
    status: 'failed',
    failure: 'identity-changed',
  });
  relay.onSubmit = () => null;
  await alice.say(bob, 'who is there?');
  expect(await newBob.texts(alice, 2)).toEqual(['it is me, really', 'who is there?']);
});

/** Alice's engine dies while it takes what Bob wrote last; the next one hears of his fresh start before it is handed that again. */
async function lastWords(commits: number): Promise<{ died: boolean; list: readonly Message[] }> {
  const { relay, alice, bob } = await lastWordsWaiting();
  const newBob = await startsAfresh(bob);
  const life = await wakeMortal(alice, commits);
  await Promise.race([life.ended, relay.emptied('alice')]);
  await alice.sleep();

  relay.batch = 0;
  await alice.wake();
  await alice.say(bob, 'are you there?');
  await alice.sees(bob, (messages) => messages.some(({ kind }) => kind === 'identity-changed'));
  relay.batch = 100;
  relay.cut();
  await relay.emptied('alice');
  const isOutcome = ({ text, kind }: Message): boolean => text === 'last words' || kind === 'undecryptable';
  await alice.sees(bob, (messages) => messages.some(isOutcome));
  // A list may be older than what has emptied the mailbox: the next change brings the newest.
  await alice.say(bob, 'hello?');
  const list = await alice.sees(bob, (messages) => messages.some(({ text }) => text === 'hello?'));
  await Promise.all([alice.sleep(), newBob.sleep()]);
  return { died: life.isOver, list };
}

test(
  'whenever Alice’s engine dies, what Bob wrote last is either read or not, and never both',
  { timeout: 120_000 },
  async () => {
    let read = 0;
    for (let commits = 1, died = true; died; commits++) {
      const story = await lastWords(commits);
      died = story.died;
      const shown = story.list.filter(({ text, kind }) => text === 'last words' || kind === 'undecryptable');
      expect(shown.map(({ text }) => text)).toHaveLength(1);
      if (shown[0]?.text === 'last words') read++;
    }
    // It stood there after the first of the two commits, after the second, and when nobody died.
    expect(read).toBeGreaterThan(2);
  },
);
