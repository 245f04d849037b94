import { connect, messageTo, newUser } from '@sotto/relay/testing';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { addressOf } from '../support/forger.js';
import type { Tab } from '../support/person.js';
import { until } from '../support/until.js';
import { World } from '../support/world.js';

let world: World;

beforeAll(async () => {
  world = await World.create('embedded');
});
afterAll(() => world.end());
afterEach(() => world.clear());

async function open(name: string, peer = 'bob'): Promise<Tab> {
  return (await world.person(name, peer)).open();
}

/** Kinds and causes of all that the conversation holds. */
async function kinds(tab: Tab): Promise<string[]> {
  return tab.page.evaluate(
    () => window.probe?.messages.map((message) => ('cause' in message ? message.cause : message.kind)) ?? [],
  );
}

test.each([
  ['signed with a wrong key', { key: 'another secret, long enough for HS256 indeed' }, 'token-invalid'],
  ['long expired', { expiresIn: -3600 }, 'token-expired'],
])('a token %s is refused with its code, and a good one heals it by itself', async (name, difference, code) => {
  const user = `carol-${code}`;
  world.loginOf(user, () => world.token(user, difference));
  const tab = await open(user);
  await tab.isIn('offline', code);

  // What is written meanwhile is kept.
  await tab.send(`written while the token was ${name}`);
  await tab.shows(`written while the token was ${name}`);
  world.loginOf(user, null);
  await tab.isIn('online');
  await tab.shows(`written while the token was ${name}`);
});

test('a token of another user is caught before it is used', async () => {
  world.loginOf('dave', () => world.token('somebody-else'));
  const tab = await open('dave');
  await tab.isIn('signed-out', 'wrong-user');
});

test('a token of another app is refused', async () => {
  world.loginOf('erin', () => world.token('erin', { app: 'another-app' }));
  const tab = await open('erin');
  await tab.isIn('signed-out', 'wrong-user');
});

test('an app that gives no token is offline for that reason, and online as soon as it gives one', async () => {
  world.loginOf('frank', () => Promise.reject(new Error('nobody is logged in')));
  const tab = await open('frank');
  await tab.isIn('offline', 'token-failed');
  world.loginOf('frank', null);
  await tab.isIn('online');
});

test('a user with a device elsewhere is told so, and nothing is reset by itself', async () => {
  const first = await open('grace');
  await first.isIn('online');
  const elsewhere = await open('grace');
  await elsewhere.isIn('needs-device');
  await first.isIn('online');
});

test('a forged envelope is kept as undecryptable with its cause, and the next real message is read', async () => {
  const bob = await world.person('bob-of-forgeries', 'alice-of-forgeries');
  const his = await bob.open();
  await his.isIn('online');

  // Mallory has an account of her own, and Alice's name on it: the relay vouches for whose device it is, not for content.
  const mallory = await newUser(world.relays[0].url, 'alice-of-forgeries');
  const socket = await connect(mallory);
  const address = await addressOf(mallory, 'bob-of-forgeries');
  const forgeries = [Buffer.from('not an envelope at all'), Buffer.alloc(2_000, 0x33), Buffer.from([0x33])];
  for (const payload of forgeries) {
    expect(await socket.submit(messageTo(address, { payload }))).toEqual({ ok: true, outcomes: ['stored'] });
  }
  socket.close();
  const causes = await until(
    'three notices',
    () => kinds(his),
    ({ length }) => length >= 3,
  );
  for (const cause of causes) expect(['malformed-envelope', 'bad-ciphertext', 'no-session']).toContain(cause);
  await his.isIn('online');

  const carol = await open('carol-after-forgeries', 'bob-of-forgeries');
  await carol.isIn('online');
  await carol.send('a real one');
  await carol.reaches('sent');
  expect(bob.errors).toEqual([]);
});

test('markup, scripts and direction marks in a message are shown as the text that they are', async () => {
  const [his, her] = [await open('bob-of-markup', 'alice-of-markup'), await open('alice-of-markup', 'bob-of-markup')];
  await Promise.all([his.isIn('online'), her.isIn('online')]);
  const texts = [
    '<img src=x onerror="document.title = \'broken in\'">',
    '<script>document.title = "broken in"</script>',
    '${alert(1)} {{constructor}} \u202Etxet desrever\u202C',
    '👩‍👩‍👧‍👦 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u0000 end',
  ];
  for (const text of texts) await her.send(text);
  await his.showsCount(texts.length);
  expect(await his.texts()).toEqual(await her.texts());
  expect((await his.texts()).slice(0, 2)).toEqual(texts.slice(0, 2));
  expect(await his.page.title()).toBe('A page with a chat');
  expect(await his.page.locator('sotto-chat .message img, sotto-chat .message script').count()).toBe(0);
  expect([...his.errors, ...her.errors]).toEqual([]);
});

test('the longest text goes through whole; a longer one is refused and stays in the field', async () => {
  const [his, her] = [await open('bob-of-length', 'alice-of-length'), await open('alice-of-length', 'bob-of-length')];
  await Promise.all([his.isIn('online'), her.isIn('online')]);
  const longest = 'lang und länger '.repeat(1927).slice(0, 30_000);
  await her.send(longest.trim());
  await his.shows(longest.trim());

  const tooLong = 'x'.repeat(32_769);
  await her.send(tooLong);
  const field = her.page.locator('sotto-chat textarea');
  await until(
    'the text comes back',
    () => field.inputValue(),
    (value) => value === tooLong,
  );
  await his.shows(longest.trim());
});
