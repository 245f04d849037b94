import { expect, test } from 'vitest';

import { FakeRelay } from '../support/fake-relay.js';
import { LyingRelay } from '../support/lying-relay.js';
import { aliceAndBobTalking, Person, until } from '../support/person.js';
import { TestClock } from '../support/test-clock.js';

test('a token of another user signs out instead of mixing two people', async () => {
  const relay = new FakeRelay();
  const alice = new Person('alice', relay);
  relay.token = () => new FakeRelay().token('mallory');
  await alice.wake();
  expect(await until(alice.client.connection, ({ state }) => state !== 'connecting')).toEqual({
    state: 'signed-out',
    code: 'wrong-user',
  });
});

test('a second browser of a registered user needs a device, and reset makes it one', async () => {
  const { relay, alice } = await aliceAndBobTalking();
  await alice.sleep();
  const elsewhere = await new Person('alice', relay).wake();
  const connection = await until(elsewhere.client.connection, ({ state }) => state === 'needs-device');
  if (connection.state !== 'needs-device') throw new Error('unreachable');
  await connection.reset();
  await elsewhere.online();
});

test.each([
  { retryAfterMs: 0, atLeast: [250, 500, 1_000] },
  { retryAfterMs: 90_000, atLeast: [90_000, 90_000, 90_000] },
])(
  'refused for $retryAfterMs ms: the wait is no shorter than that, nor than after a refusal that names none',
  async ({ retryAfterMs, atLeast }) => {
    /** Its hands stand still: what is set ahead of it can be measured. */
    class StoppedClock extends TestClock {
      override now = (): number => start;
    }
    const start = Date.now();
    const clock = new StoppedClock();
    const relay = new LyingRelay();
    relay.refuses = { code: 'unavailable', message: 'says the relay', retryAfterMs };
    const alice = await new Person('alice', relay, { clock }).wake();
    for (const ms of atLeast) {
      const status = await alice.status(({ state }) => state === 'offline');
      if (status.state !== 'offline' || status.retryAt === null) throw new Error('unreachable');
      expect(status.retryAt - start).toBeGreaterThanOrEqual(ms);
      const again = alice.status(({ state }) => state === 'connecting');
      clock.advance(100_000);
      await again;
    }
  },
);
