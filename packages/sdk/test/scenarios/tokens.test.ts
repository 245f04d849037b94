import { toBase64Url } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { FakeRelay } from '../support/fake-relay.js';
import { gate } from '../support/gate.js';
import { Person } from '../support/person.js';
import { passUntil, TestClock } from '../support/test-clock.js';

const HOUR_MS = 60 * 60 * 1000;

/** An app's backend: its tokens are good for an hour, and it counts who asks. */
class Backend {
  /** When it was asked, in ticks. */
  readonly asked: number[] = [];
  /** Most calls that were under way at once. */
  most = 0;
  /** So many calls fail from now on. */
  failures = 0;
  /** Whom the next tokens are for. */
  user = 'alice';
  /** Waited for before a call is answered. */
  answer: () => Promise<void> = () => new Promise(setImmediate);
  #underWay = 0;

  constructor(readonly clock: TestClock) {}

  readonly token = async (): Promise<string> => {
    this.asked.push(this.clock.ticks());
    this.most = Math.max(this.most, ++this.#underWay);
    await this.answer();
    this.#underWay--;
    if (this.failures-- > 0) throw new Error('the backend has a bad moment');
    const iat = Math.floor(this.clock.now() / 1000);
    const claims = { iss: 'test', sub: this.user, iat, exp: iat + HOUR_MS / 1000, n: this.asked.length };
    return `e30.${toBase64Url(new TextEncoder().encode(JSON.stringify(claims)))}.x`;
  };
}

/** Alice is online with a token that is good for an hour; `renewed` opens when the relay has got the next one. */
async function withBackend() {
  const clock = new TestClock();
  const relay = new FakeRelay();
  const backend = new Backend(clock);
  const renewed = gate();
  relay.onToken = () => {
    renewed.open();
    return null;
  };
  const alice = await new Person('alice', relay, { clock, token: backend.token }).wake();
  await alice.online();
  return { clock, relay, backend, renewed, alice };
}

/** Somebody else, whose keys and devices Alice has to ask for. */
async function somebodyNew(relay: FakeRelay, name: string): Promise<Person> {
  const person = await new Person(name, relay).wake();
  await person.online();
  return person;
}

test('the app is asked for one token at a time, and for none while the old one is good', async () => {
  const { clock, relay, backend, renewed, alice } = await withBackend();
  const [bob, carol, dave] = await Promise.all(['bob', 'carol', 'dave'].map((name) => somebodyNew(relay, name)));
  if (!bob || !carol || !dave) throw new Error('incomplete cast');
  await Promise.all([alice.say(bob, 'hello Bob'), alice.say(carol, 'hello Carol')]);
  await Promise.all([bob.texts(alice, 1), carol.texts(alice, 1)]);
  relay.cut();
  while (!relay.mailbox('alice').socket) await new Promise(setImmediate);
  expect(backend.asked).toHaveLength(1);
  // What is asked of the relay while a new token is on its way goes with the old one.
  const [called, answered] = [gate(), gate()];
  backend.answer = () => {
    called.open();
    return answered.opened;
  };
  clock.advance(0.8 * HOUR_MS);
  await called.opened;
  await alice.say(dave, 'hello Dave');
  await dave.texts(alice, 1);
  answered.open();
  await renewed.opened;
  // All of them at once need another: nobody has looked for hours.
  clock.set(3 * HOUR_MS);
  const late = await Promise.all(['erin', 'frank', 'grace'].map((name) => somebodyNew(relay, name)));
  await Promise.all(late.map((person) => alice.say(person, 'hello')));
  await Promise.all(late.map((person) => person.texts(alice, 1)));
  expect(backend.asked).toHaveLength(3);
  expect(backend.most).toBe(1);
});

test('a backend that gives no new token is asked again, less and less often, while the old one is still good', async () => {
  const { clock, relay, backend, renewed, alice } = await withBackend();
  const bob = await somebodyNew(relay, 'bob');
  const { socket } = relay.mailbox('alice');
  const end = clock.ticks() + HOUR_MS;
  backend.failures = 10;
  clock.advance(0.8 * HOUR_MS);
  while (backend.failures > 9) await new Promise(setImmediate);
  await alice.say(bob, 'with the old one');
  await bob.texts(alice, 1);
  await passUntil(clock, renewed.opened);
  expect(clock.ticks()).toBeLessThan(end);
  // The first token, ten tries in vain, and the one that gave the second token.
  expect(backend.asked).toHaveLength(12);
  expect(backend.most).toBe(1);
  const pauses = backend.asked.slice(2).map((at, i) => at - (backend.asked[i + 1] ?? 0));
  expect(pauses[0]).toBeLessThan(pauses[5] ?? 0);
  for (const pause of pauses) expect(pause).toBeLessThan(60_000);
  expect(relay.mailbox('alice').socket).toBe(socket);
});

test('a new token that the relay refuses is not used again: the app is asked for another', async () => {
  const { clock, relay, backend } = await withBackend();
  const came: string[] = [];
  const accepted = gate();
  relay.onToken = (token) => {
    came.push(token);
    if (came.length < 3) return 'token-invalid';
    accepted.open();
    return null;
  };
  clock.advance(0.8 * HOUR_MS);
  await passUntil(clock, accepted.opened);
  expect(new Set(came).size).toBe(3);
  expect(backend.asked).toHaveLength(4);
});

test('a new token of another user signs out at once', async () => {
  const { clock, backend, alice } = await withBackend();
  backend.user = 'mallory';
  clock.advance(0.8 * HOUR_MS);
  expect(await alice.status(({ state }) => state !== 'online')).toEqual({ state: 'signed-out', code: 'wrong-user' });
  // Nor does the old one serve again.
  alice.retryNow();
  await alice.status(({ state }) => state === 'connecting');
  await alice.status(({ state }) => state === 'signed-out');
});

test('a backend that never answers is given up after a minute: the app is asked again', async () => {
  const clock = new TestClock();
  const backend = new Backend(clock);
  const called = gate();
  backend.answer = () => {
    called.open();
    return new Promise(() => undefined);
  };
  const alice = await new Person('alice', new FakeRelay(), { clock, token: backend.token }).wake();
  await called.opened;
  backend.answer = () => Promise.resolve();
  const failed = alice.status((status) => status.state === 'offline' && status.code === 'token-failed');
  await passUntil(clock, failed);
  await passUntil(clock, alice.online());
  const [first = 0, second = 0, ...more] = backend.asked;
  expect(second - first).toBeGreaterThanOrEqual(60_000);
  expect(more).toEqual([]);
});
