import { expect, test } from 'vitest';

import type { Presence, SottoClient } from '../../src/index.js';
import type { LaterModules } from '../../src/engine/later.js';
import type { ReceiptPolicy } from '../../src/history/receipt-policy.js';
import { TIMEOUT_MS } from '../../src/engine/watched-peer.js';
import { aciOfName } from '../support/fake-relay.js';
import { aliceAndBob, aliceAndBobTalking, type Pair, startsAfresh, until } from '../support/person.js';
import { atHand } from '../support/later.js';
import { pass, passUntil, TestClock } from '../support/test-clock.js';

/** Alice and Bob have talked, and each has the other on screen. */
const pair = (receipts: ReceiptPolicy = 'answered', clock = new TestClock()): Promise<Pair> =>
  aliceAndBobTalking({ receipts, clock });

/** The same with a clock each; `both` moves the two together. */
async function pairWithTwoClocks(): Promise<{
  hers: TestClock;
  his: TestClock;
  both: Pick<TestClock, 'advance' | 'ticks'>;
  two: Pair;
}> {
  const [hers, his] = [new TestClock(), new TestClock()];
  const both = {
    advance: (by: number) => [hers, his].forEach((clock) => clock.advance(by)),
    ticks: () => hers.ticks(),
  };
  const two = await aliceAndBobTalking({ receipts: 'answered', alice: { clock: hers }, bob: { clock: his } });
  return { hers, his, both, two };
}

/** Puts the conversation on this client's screen; returns what takes it off. */
const watch = (client: SottoClient, user: string): (() => void) =>
  client.direct(user).presence.subscribe(() => undefined);

const presence = (client: SottoClient, user: string, condition: (presence: Presence) => boolean): Promise<Presence> =>
  until(client.direct(user).presence, condition);

/** Lets time pass until Alice sees Bob so. */
const aliceSees = (
  clock: Pick<TestClock, 'advance'>,
  { alice }: Pick<Pair, 'alice'>,
  condition: (presence: Presence) => boolean,
): Promise<Presence> => passUntil(clock, presence(alice.client, 'bob', condition));

async function together(two: Pair): Promise<{ hers: () => void; his: () => void }> {
  const [hers, his] = [watch(two.alice.client, 'bob'), watch(two.bob.client, 'alice')];
  await presence(two.alice.client, 'bob', ({ online }) => online);
  await presence(two.bob.client, 'alice', ({ online }) => online);
  return { hers, his };
}

test('both see each other while both have the conversation on screen, and when Bob was last seen after that', async () => {
  const two = await pair();
  const hers = watch(two.alice.client, 'bob');
  const his = watch(two.bob.client, 'alice');
  await presence(two.alice.client, 'bob', ({ online }) => online);
  await presence(two.bob.client, 'alice', ({ online }) => online);
  his();
  const seen = await presence(two.alice.client, 'bob', ({ online }) => !online);
  expect(seen.lastSeen).toBeTypeOf('number');
  hers();
  // It is kept for the next engine.
  await two.alice.sleep();
  await two.alice.wake();
  watch(two.alice.client, 'bob');
  const later = await presence(two.alice.client, 'bob', ({ lastSeen }) => lastSeen !== null);
  expect(later).toEqual({ online: false, typing: false, lastSeen: seen.lastSeen });
});

test('Alice sees Bob type, until he sends or stops', async () => {
  const clock = new TestClock();
  const two = await pair('answered', clock);
  await together(two);
  two.bob.client.direct('alice').typing();
  await aliceSees(clock, two, ({ typing }) => typing);
  await two.bob.say(two.alice, 'this is what he typed');
  await aliceSees(clock, two, ({ typing }) => !typing);
  two.bob.client.direct('alice').typing();
  await aliceSees(clock, two, ({ typing }) => typing);
  expect(await aliceSees(clock, two, ({ typing }) => !typing)).toMatchObject({ online: true });
});

test('a stranger learns nothing: Bob is not on the topic before he has answered', async () => {
  const clock = new TestClock();
  const { relay, alice, bob } = await aliceAndBob({ receipts: 'answered', clock });
  watch(alice.client, 'bob');
  watch(bob.client, 'alice');
  await alice.say(bob, 'hello');
  await bob.texts(alice, 1);
  bob.client.direct('alice').typing();
  await bob.client.direct('alice').markRead();
  await relay.emptied('bob');
  expect(relay.topics.members).toBeLessThanOrEqual(1);
  await bob.say(alice, 'hi');
  await aliceSees(clock, { alice }, ({ online }) => online);
});

test('invisible: Bob joins nothing, and sees nobody', async () => {
  const two = await pair();
  await together(two);
  await two.bob.client.setPresence('invisible');
  await presence(two.alice.client, 'bob', ({ online }) => !online);
  await presence(two.bob.client, 'alice', ({ online }) => !online);
  const before = two.relay.topics.published.length;
  two.bob.client.direct('alice').typing();
  await two.bob.say(two.alice, 'nobody sees me');
  await two.alice.texts(two.bob, 3);
  expect(two.relay.topics.members).toBe(1);
  expect(two.relay.topics.published.length).toBe(before);
  await two.bob.client.setPresence('visible');
  await presence(two.alice.client, 'bob', ({ online }) => online);
});

test('a relay that withholds what Bob says, and repeats it later, cannot keep him online beyond the time-out', async () => {
  const clock = new TestClock();
  const two = await pair('answered', clock);
  await together(two);
  const { topics } = two.relay;
  const kept: Parameters<typeof topics.deliver>[0][] = [];
  topics.withhold = (publish) => {
    kept.push(publish);
    return true;
  };
  // Bob's node goes down without a word.
  topics.gone(two.relay.mailbox('bob').socket?.handlers as never, true);
  await two.bob.sleep();
  const from = clock.now();
  let lastOnline = from;
  const stop = two.alice.client.direct('bob').presence.subscribe(({ online }) => {
    if (online) lastOnline = clock.now();
  });
  const released = [...topics.published, ...kept];
  const ended = presence(two.alice.client, 'bob', ({ online }) => !online);
  for (const publish of released) topics.deliver(publish);
  await passUntil(clock, ended);
  for (const publish of released) topics.deliver(publish);
  stop();
  expect(two.alice.client.direct('bob').presence.get().online).toBe(false);
  expect(lastOnline - from).toBeLessThanOrEqual(TIMEOUT_MS + 1_000);
});

test('left is a hint: Bob, who is there, says so; when he is gone, he is soon offline', async () => {
  const clock = new TestClock();
  const two = await pair('answered', clock);
  await together(two);
  const changes: boolean[] = [];
  two.alice.client.direct('bob').presence.subscribe(({ online }) => changes.push(online));
  const before = two.relay.topics.published.length;
  two.relay.topics.sayLeft();
  // Both ask and both answer.
  await pass(clock, 10_000);
  expect(two.relay.topics.published.length).toBeGreaterThanOrEqual(before + 2);
  expect(changes).not.toContain(false);

  const from = clock.now();
  two.relay.topics.withhold = (_, handlers) => handlers === two.relay.mailbox('bob').socket?.handlers;
  two.relay.topics.gone(two.relay.mailbox('bob').socket?.handlers as never);
  await aliceSees(clock, two, ({ online }) => !online);
  expect(clock.now() - from).toBeLessThan(10_000);
});

test.each([
  ['back', -3_600_000],
  ['ahead', 3_600_000],
])('Alice’s clock is set %s by an hour: Bob stays online while he is there, and not a minute longer', async (_, ms) => {
  const { hers, both, two } = await pairWithTwoClocks();
  await together(two);
  const changes: boolean[] = [];
  two.alice.client.direct('bob').presence.subscribe(({ online }) => changes.push(online));
  hers.set(ms);
  await pass(both, 2 * TIMEOUT_MS);
  expect(changes).not.toContain(false);
  // Bob is gone without a word.
  two.relay.topics.withhold = (__, handlers) => handlers === two.relay.mailbox('bob').socket?.handlers;
  hers.set(ms);
  const from = hers.ticks();
  await aliceSees(both, two, ({ online }) => !online);
  expect(hers.ticks() - from).toBeLessThanOrEqual(TIMEOUT_MS + 1_000);
});

test('Bob’s clock is set back while he types: Alice sees him type all the same', async () => {
  const { his, both, two } = await pairWithTwoClocks();
  await together(two);
  two.bob.client.direct('alice').typing();
  await aliceSees(both, two, ({ typing }) => typing);
  his.set(-3_600_000);
  await aliceSees(both, two, ({ typing }) => !typing);
  two.bob.client.direct('alice').typing();
  await aliceSees(both, two, ({ typing }) => typing);
});

test('forged, truncated, repeated and foreign payloads change nothing', async () => {
  const two = await pair();
  const hers = watch(two.alice.client, 'bob');
  await until(two.alice.client.connection, ({ state }) => state === 'online');
  const his = watch(two.bob.client, 'alice');
  await presence(two.alice.client, 'bob', ({ online }) => online);
  const genuine = two.relay.topics.published.slice();
  his();
  await presence(two.alice.client, 'bob', ({ online }) => !online);
  const seen: boolean[] = [];
  const stop = two.alice.client.direct('bob').presence.subscribe(({ online }) => seen.push(online));
  for (const { topic, payload } of genuine) {
    two.relay.topics.deliver({ topic, payload });
    two.relay.topics.deliver({ topic, payload: payload.slice(0, 30) });
    const bent = payload.slice();
    bent[bent.length - 1] = (bent[bent.length - 1] ?? 0) ^ 1;
    two.relay.topics.deliver({ topic, payload: bent });
    two.relay.topics.deliver({ topic, payload: crypto.getRandomValues(new Uint8Array(400)) });
  }
  await two.bob.say(two.alice, 'after all that');
  await two.alice.texts(two.bob, 3);
  expect(seen).toEqual([false]);
  stop();
  hers();
});

test('the topic tells the relay nothing: padded, unlike each other, and under an id that is nobody’s name', async () => {
  const two = await pair();
  await together(two);
  const sizes = new Set(two.relay.topics.published.map(({ payload }) => payload.length));
  expect([...sizes].every((size) => (size - 40) % 256 === 0)).toBe(true);
  const text = two.relay.topics.published.map(({ payload }) => Buffer.from(payload).toString('latin1')).join();
  for (const word of ['here', aciOfName('alice'), 'challenge']) expect(text).not.toContain(word);
});

test('a changed identity that is not accepted is told nothing', async () => {
  const two = await pair();
  const { alice, bob } = two;
  const digits = (await alice.client.direct('bob').safetyNumber()).digits;
  await alice.client.direct('bob').verify(digits);
  await together(two);
  const newBob = await startsAfresh(bob);
  watch(newBob.client, 'alice');
  await newBob.say(alice, 'new phone');
  await until(alice.client.direct('bob').identity, ({ state }) => state === 'changed');
  await alice.sees(newBob, (list) => list.some(({ text }) => text === 'new phone'));
  await newBob.say(alice, 'hello?');
  await alice.sees(newBob, (list) => list.some(({ text }) => text === 'hello?'));
  expect(newBob.client.direct('alice').presence.get().online).toBe(false);
  const changed = await until(alice.client.direct('bob').identity, ({ state }) => state === 'changed');
  await alice.client.direct('bob').acceptIdentity(changed.state === 'changed' ? changed.key : '');
  await presence(newBob.client, 'alice', ({ online }) => online);
});

test('what presence takes is fetched when a conversation comes on screen, and again where that failed', async () => {
  let tries = 0;
  const presenceLater: LaterModules['presence'] = async () => {
    if (++tries === 1) throw new TypeError('Failed to fetch dynamically imported module');
    return atHand.presence();
  };
  const clock = new TestClock();
  const { alice, bob } = await aliceAndBobTalking({ clock, later: { ...atHand, presence: presenceLater } });
  expect(tries).toBe(0);
  watch(alice.client, 'bob');
  watch(bob.client, 'alice');
  await aliceSees(clock, { alice }, ({ online }) => online);
  // Twice on one of the two devices, once on the other.
  expect(tries).toBe(3);
});

test('an engine that takes the lead without what presence takes: Bob does not stay online, and is again when it comes', async () => {
  let broken = false;
  const presenceLater: LaterModules['presence'] = async () => {
    if (broken) throw new TypeError('Failed to fetch dynamically imported module');
    return atHand.presence();
  };
  const clock = new TestClock();
  const two = await aliceAndBobTalking({ clock, alice: { later: { ...atHand, presence: presenceLater } } });
  await together(two);
  broken = true;
  await two.alice.sleep();
  await two.alice.wake();
  const { lastSeen } = await aliceSees(clock, two, ({ online }) => !online);
  expect(lastSeen).not.toBeNull();
  broken = false;
  await aliceSees(clock, two, ({ online }) => online);
});
