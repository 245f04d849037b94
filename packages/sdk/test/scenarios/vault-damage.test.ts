import { expect, test } from 'vitest';

import type { Message } from '../../src/index.js';
import type { VaultRows } from '../../src/vault/schema.js';
import { aciOfName } from '../support/fake-relay.js';
import { LyingRelay } from '../support/lying-relay.js';
import { aliceAndBob, aliceAndBobTalking, aliceAndBobTalkingOn, Person, until } from '../support/person.js';
import { causesOf, isText, kindsOf } from '../support/shown.js';

/** What a failing disk leaves of a row: its key, and nothing that can be used. */
async function damage<T extends keyof VaultRows>(
  { vault }: Person,
  table: T,
  broken: (row: VaultRows[T]) => unknown,
): Promise<void> {
  await vault.write([table], async (transaction) => {
    const rows = await transaction.range(table);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) await transaction.put(table, broken(row) as VaultRows[T]);
  });
}

const NOISE = Uint8Array.from({ length: 40 }, (_, i) => (i * 37) % 251);

/** Both write, and both read it: whatever was damaged stands in nobody's way. */
async function talkOn(alice: Person, bob: Person): Promise<void> {
  const has = (text: string) => (list: readonly Message[]) => list.some((one) => one.text === text);
  await bob.say(alice, 'still here');
  await alice.sees(bob, has('still here'));
  await alice.say(bob, 'so am I');
  await bob.sees(alice, has('so am I'));
  await Promise.all([alice.sleep(), bob.sleep()]);
}

test.each([
  ['noise', NOISE],
  ['empty', new Uint8Array(0)],
  ['no bytes at all', undefined],
] as const)(
  'Bob’s session row is damaged (%s): he goes on under a new session, and what he missed comes again',
  async (_, current) => {
    const { alice, bob } = await aliceAndBobTalking();
    await bob.sleep();
    await damage(bob, 'sessions', (row) => ({ ...row, current }));
    await alice.say(bob, 'after the damage');
    await bob.wake();
    await bob.online();
    const seen = await bob.sees(alice, (list) => list.some(({ text }) => text === 'after the damage'));
    expect(kindsOf(seen)).toEqual(['hello', 'hi', 'after the damage']);
    await talkOn(alice, bob);
  },
);

test.each([
  ['noise', NOISE],
  ['empty', new Uint8Array(0)],
  ['no bytes at all', undefined],
] as const)(
  'Bob’s prekey rows are damaged (%s): what was sealed to them is told, asked for, and comes again',
  async (_, privateKey) => {
    const { alice, bob } = await aliceAndBob();
    await bob.sleep();
    await damage(bob, 'preKeys', (row) => ({ ...row, privateKey }));
    await alice.say(bob, 'to a damaged key');
    await alice.hasSent(bob, 'to a damaged key');
    await bob.wake();
    await bob.online();
    const seen = await bob.sees(alice, (list) => list.length > 0);
    expect([...causesOf(seen), ...kindsOf(seen)].length).toBeGreaterThan(0);
    await bob.sees(alice, (list) => list.some(({ text }) => text === 'to a damaged key'));
    await talkOn(alice, bob);
  },
);

test('Alice’s session row is damaged before she writes: she begins a new session, and it arrives', async () => {
  const { alice, bob } = await aliceAndBobTalking();
  await alice.sleep();
  await damage(alice, 'sessions', (row) => ({ ...row, current: NOISE }));
  await alice.wake();
  await alice.say(bob, 'under a new session');
  expect(await bob.texts(alice, 3)).toEqual(['hello', 'hi', 'under a new session']);
  await talkOn(alice, bob);
});

test.each([
  ['a word', { seq: 'seven' }],
  ['not a number', { seq: Number.NaN }],
  ['missing', { seq: undefined }],
  ['without its envelope', { id: undefined }],
] as const)('Bob’s cursor row is damaged (%s): he is told, and nothing is lost or doubled', async (_, broken) => {
  const { alice, bob } = await aliceAndBobTalking();
  await bob.sleep();
  await damage(bob, 'meta', (row) => (row.name === 'cursor' ? { ...row, ...broken } : row));
  await alice.say(bob, 'after the damage');
  await bob.wake();
  await bob.online();
  expect(await bob.texts(alice, 3)).toEqual(['hello', 'hi', 'after the damage']);
  await until(bob.client.notices, (notices) => notices.some(({ code }) => code === 'restored-device'));
  await talkOn(alice, bob);
});

test('Bob’s cursor and session rows are damaged at once: he comes online, and what he missed comes again', async () => {
  const { alice, bob } = await aliceAndBobTalking();
  await bob.sleep();
  await damage(bob, 'meta', (row) => (row.name === 'cursor' ? { ...row, seq: 'seven' } : row));
  await damage(bob, 'sessions', (row) => ({ ...row, current: NOISE }));
  await alice.say(bob, 'after the damage');
  await bob.wake();
  await bob.online();
  await bob.sees(alice, (list) => list.some(({ text }) => text === 'after the damage'));
  await talkOn(alice, bob);
});

test.each([
  ['noise', NOISE],
  ['empty', new Uint8Array(0)],
  ['no bytes at all', undefined],
] as const)(
  'Alice’s archived session is damaged (%s): what comes under it is told and comes again, and nothing else waits for it',
  async (_, bytes) => {
    const relay = new LyingRelay();
    const { alice, bob } = await aliceAndBobTalkingOn(relay);
    const carol = await new Person('carol', relay).wake();
    await alice.sleep();
    // Whoever was put back seals under new sessions, and opens what is under way for the old ones.
    relay.welcome = (honest, to) => (to === aciOfName('alice') ? { ...honest, verdict: 'vault-behind' } : honest);
    await alice.wake();
    await alice.online();
    await alice.sleep();
    relay.welcome = (honest) => honest;
    await damage(alice, 'archivedSessions', (row) => ({ ...row, bytes }));
    await bob.say(alice, 'under the archived session');
    await bob.hasSent(alice, 'under the archived session');
    await bob.sleep();
    await carol.say(alice, 'it is Carol');
    await carol.hasSent(alice, 'it is Carol');

    await alice.wake();
    expect(await alice.texts(carol, 1)).toEqual(['it is Carol']);
    const told = await alice.sees(bob, ({ length }) => length === 3);
    expect(causesOf(told)).toEqual(['no-session']);
    await bob.wake();
    const seen = await alice.sees(bob, (list) => list.length === 3 && isText(list));
    expect(kindsOf(seen)).toEqual(['hello', 'hi', 'under the archived session']);
    await talkOn(alice, bob);
    await carol.sleep();
  },
);
