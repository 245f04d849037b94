import { toBase64Url } from '@sotto/protocol';
import { expect, test } from 'vitest';

import type { Content } from '../../../src/content/content.js';
import { aciOfName } from '../../support/fake-relay.js';
import { Work } from '../../support/counting-tables.js';
import { envelopeFrom, honestContent, sendForged } from '../../support/forge.js';
import { aliceAndBobTalking, type Person } from '../../support/person.js';
import { kindsOf } from '../../support/shown.js';
import { TestClock } from '../../support/test-clock.js';

const newId = (): string => toBase64Url(crypto.getRandomValues(new Uint8Array(16)));

interface Attack {
  readonly alice: Person;
  readonly bob: Person;
  /** Sends what is made for each number, one after the other, and resolves with what Alice's databases had to do for it. */
  costOf(from: number, count: number): Promise<number>;
}

/** Bob's engine sleeps while his sessions are abused. One envelope comes at a time: what batches save is not counted. */
async function attack(make: (content: Content, i: number) => object | Uint8Array): Promise<Attack> {
  const clock = new TestClock();
  const { relay, alice, bob } = await aliceAndBobTalking({ clock });
  relay.batch = 1;
  await bob.sleep();
  await alice.sleep();
  const work = new Work();
  await alice.wake({ history: work.on(alice.history), vault: work.on(alice.vault) });
  await alice.online();
  const costOf = (from: number, count: number): Promise<number> =>
    work.of(async () => {
      for (let i = from; i < from + count; i++) {
        const content = { ...(await honestContent(bob, alice)), id: newId(), counter: 10 + i };
        const made = make(content, i);
        if (made instanceof Uint8Array) relay.inject('alice', await envelopeFrom(bob, made));
        else await sendForged(bob, alice, made);
      }
      await relay.emptied('alice');
      // What that set off is done too.
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
    });
  return { alice, bob, costOf };
}

const FULL = 120;
const MANY = 300;
const FEW = 20;

test.each<[string, (content: Content, i: number) => object | Uint8Array]>([
  ['texts', (content) => content],
  ['unknown kinds', (content, i) => ({ ...content, kind: `kind-${i}`, fallback: 'a kind of its own' })],
  ['malformed contents', (content) => ({ ...content, body: { text: 7 } })],
  ['contents of other conversations', (content) => ({ ...content, conversation: 'A'.repeat(22) })],
  [
    'receipts for messages that there are not',
    (content) => ({ ...content, kind: 'receipt', body: { type: 'read', ids: Array.from({ length: 10 }, newId) } }),
  ],
  [
    'requests for what was never sent',
    (content) => ({ ...content, kind: 'resend-request', body: { envelopes: [newId()], counters: [9_000], after: 0 } }),
  ],
  [
    'answers to what was never asked',
    (content) => ({
      ...content,
      kind: 'resend-answer',
      body: { items: [{ envelope: newId(), counter: content.counter, outcome: 'unavailable' }] },
    }),
  ],
  ['contents that come "again"', (content) => ({ ...content, resend: newId() })],
  ['counters that leave a gap each', (content, i) => ({ ...content, counter: 100 + 2 * i })],
  ['counters from the top down', (content, i) => ({ ...content, counter: i === 0 ? 1_000_000 : 500_000 - 2 * i })],
  ['names', (content, i) => ({ ...content, kind: 'profile', body: { profiles: [profileOfBob(i)] } })],
])('many %s: the last costs no more than the first', { timeout: 120_000 }, async (_, make) => {
  const { alice, bob, costOf } = await attack(make);
  // Until what is bounded is full.
  await costOf(0, FULL);
  const first = await costOf(FULL, FEW);
  await costOf(FULL + FEW, MANY);
  const last = await costOf(FULL + FEW + MANY, FEW);
  expect(last).toBeLessThan(1.3 * first);
  await bob.wake();
  // Notices of what came within a millisecond stand a little ahead of the clock. What answers her stands behind them.
  await alice.say(bob, 'stop');
  await bob.sees(alice, (list) => list.some(({ text }) => text === 'stop'));
  await bob.say(alice, 'enough');
  await alice.sees(bob, (list) => list.some(({ text }) => text === 'enough'));
});

test('many bytes that are no message: so many are asked for, and the last costs no more than those', async () => {
  const { alice, costOf } = await attack(() => crypto.getRandomValues(new Uint8Array(100)).fill(2, 0, 1));
  await costOf(0, 1_000);
  const first = await costOf(1_000, FEW);
  await costOf(1_000 + FEW, MANY);
  const last = await costOf(1_000 + FEW + MANY, FEW);
  expect(last).toBeLessThan(1.3 * first);
  expect(await alice.history.read(['outbox'], (transaction) => transaction.count('outbox'))).toBeLessThanOrEqual(1_000);
  expect(await alice.vault.read(['undecryptable'], (transaction) => transaction.count('undecryptable'))).toBe(1_000);
});

const profileOfBob = (i: number): object => ({ user: aciOfName('bob'), name: `\u202eBob\u0000${i}\u2028`, at: i + 1 });

test('a name with control characters is a name without them', async () => {
  const { alice, bob, costOf } = await attack((content, i) => ({
    ...content,
    kind: 'profile',
    body: { profiles: [profileOfBob(i)] },
  }));
  await costOf(7, 1);
  const row = await alice.history.read(['profiles'], (transaction) => transaction.get('profiles', [aciOfName('bob')]));
  expect(row?.name).toBe('Bob7');
  expect(kindsOf(await alice.sees(bob, ({ length }) => length === 2))).toEqual(['hello', 'hi']);
});
