import { toBase64Url } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { directConversationId } from '../../src/content/content.js';
import { receiptOutboxId } from '../../src/history/rows.js';
import type { History } from '../../src/history/schema.js';
import { systemRandom } from '../../src/util/random.js';
import { aciOfName, FakeRelay } from '../support/fake-relay.js';
import { gate } from '../support/gate.js';
import { link } from '../support/link.js';
import { aliceAndBobTalking, Person } from '../support/person.js';
import { TestClock } from '../support/test-clock.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Alice writes to Bob, who is not there yet: he comes when she has asked for his keys in vain. */
async function bobComesLate(alice: Person): Promise<Person> {
  const { relay } = alice;
  const bob = new Person('bob', relay);
  const asked = gate();
  relay.onRequest = (path) => {
    if (path.includes(aciOfName('bob'))) asked.open();
  };
  await alice.say(bob, 'first');
  await asked.opened;
  await bob.wake();
  await bob.online();
  return bob;
}

test('hundreds of receipts for somebody who is gone do not keep a message waiting', async () => {
  const relay = new FakeRelay();
  const alice = new Person('alice', relay);
  const bob = await new Person('bob', relay).wake();
  await bob.online();
  const conversation = directConversationId(aciOfName('alice'), aciOfName('ghost'));
  await alice.history.write(['outbox'], async (transaction) => {
    for (let order = 1; order <= 600; order++) {
      const messageId = toBase64Url(systemRandom(16));
      const id = receiptOutboxId('delivered', conversation, messageId);
      await transaction.put('outbox', {
        id,
        order,
        conversation,
        peer: 'ghost',
        kind: 'receipt',
        body: { type: 'delivered', ids: [messageId] },
        at: order,
        messageId: null,
        only: null,
        resend: null,
        answers: [],
      });
    }
  });
  await alice.say(bob, 'hello');
  await alice.wake();
  expect(await bob.texts(alice, 1)).toEqual(['hello']);
});

test('messages to people who have not come yet do not keep others waiting', async () => {
  const relay = new FakeRelay();
  const alice = new Person('alice', relay);
  const bob = await new Person('bob', relay).wake();
  await bob.online();
  for (let i = 0; i < 250; i++) await alice.client.direct(`nobody-${i}`).send('are you there?');
  await alice.say(bob, 'hello');
  await alice.wake();
  expect(await bob.texts(alice, 1)).toEqual(['hello']);
});

test('a contact whose signed keys are no keys stops only the message to that contact', async () => {
  const relay = new FakeRelay();
  const [alice, bob, mallory] = await Promise.all(
    ['alice', 'bob', 'mallory'].map((name) => new Person(name, relay).wake()),
  );
  if (!alice || !bob || !mallory) throw new Error('incomplete cast');
  await Promise.all([alice.online(), bob.online(), mallory.online()]);
  const mailbox = relay.mailbox('mallory');
  mailbox.oneTime = mailbox.oneTime.map(({ id }) => ({
    id,
    key: Uint8Array.from({ length: 33 }, (_, i) => (i === 0 ? 5 : 0)),
  }));
  await alice.say(mallory, 'hello Mallory');
  await alice.say(bob, 'hello Bob');
  expect(await bob.texts(alice, 1)).toEqual(['hello Bob']);
  await alice.sees(mallory, ([first]) => first?.kind === 'text' && first.status === 'failed');
});

test('rotated prekeys reach the relay, also while the stock is full', async () => {
  const relay = new FakeRelay();
  const alice = await new Person('alice', relay).wake();
  await alice.online();
  const stocked = (): boolean => relay.mailbox('alice').kem.length >= 10;
  while (!stocked()) await new Promise((resolve) => setImmediate(resolve));
  const before = relay.mailbox('alice').signed?.id;
  await alice.sleep();
  await alice.vault.write(['meta'], async (transaction) => {
    const row = await transaction.get('meta', ['prekeys']);
    if (row?.name === 'prekeys') await transaction.put('meta', { ...row, rotatedAt: Date.now() - 8 * DAY_MS });
  });
  await alice.wake();
  while (relay.mailbox('alice').signed?.id === before) await new Promise((resolve) => setImmediate(resolve));
  const kept = await alice.vault.read(['preKeys'], (transaction) =>
    transaction.get('preKeys', ['signed', before ?? 0]),
  );
  expect(kept?.replacedAt).toEqual(expect.any(Number));
});

test('what was written first stands first, also when its recipient was not there yet', async () => {
  const relay = new FakeRelay();
  const alice = await new Person('alice', relay).wake();
  await alice.online();
  const bob = await bobComesLate(alice);
  await alice.say(bob, 'second');
  await alice.say(bob, 'third');
  expect(await bob.texts(alice, 3)).toEqual(['first', 'second', 'third']);
});

test('a message whose wait ends while the outbox is being read is not overtaken by the next one', async () => {
  const relay = new FakeRelay();
  const clock = new TestClock();
  const alice = new Person('alice', relay, { clock });
  let isEnding = false;
  const { read } = alice.history;
  const history: History = {
    ...alice.history,
    read: async (tables, work) => {
      // The outbox has looked at what must wait, and has not read its rows yet.
      if (isEnding && ['outbox', 'identities', 'messages'].every((name) => tables.some((table) => table === name))) {
        isEnding = false;
        // No timer runs while somebody else does.
        await Promise.resolve();
        clock.advance(60_000);
      }
      return read(tables, work);
    },
  };
  await alice.wake({ history });
  await alice.online();
  const bob = await bobComesLate(alice);
  isEnding = true;
  await alice.say(bob, 'second');
  expect(await bob.texts(alice, 2)).toEqual(['first', 'second']);
  // The wait did end there.
  expect(isEnding).toBe(false);
});

test('what meets an old list, and is withdrawn while the new one is fetched, does not stay sealed for ever', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  const carol = await new Person('carol', relay).wake();
  await carol.online();
  await link(bob, await new Person('bob', relay).wake());
  const [asked, answered] = [gate(), gate()];
  relay.beforeAnswer = async (path) => {
    if (!path.endsWith(`${aciOfName('bob')}/device-list`)) return;
    asked.open();
    await answered.opened;
  };
  await alice.say(bob, 'for an old list');
  await asked.opened;
  await alice.history.write(['outbox'], async (transaction) => {
    for (const { id } of await transaction.range('outbox')) await transaction.delete('outbox', [id]);
  });
  // What else goes out meanwhile looks for what is left over, and finds this one under way.
  await alice.say(carol, 'meanwhile');
  await alice.hasSent(carol, 'meanwhile');
  answered.open();
  const sealed = () => alice.vault.read(['sealedMessages'], (transaction) => transaction.count('sealedMessages'));
  while ((await sealed()) > 0) await new Promise(setImmediate);
});
