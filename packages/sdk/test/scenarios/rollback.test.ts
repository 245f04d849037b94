import { expect, test } from 'vitest';

import { memoryTables } from '../../src/storage/memory-tables.js';
import { readSealings } from '../../src/engine/sealings.js';
import { PAYLOAD_PREKEY, PAYLOAD_WHISPER } from '../../src/engine/payload.js';
import { VAULT_SCHEMA, type Vault, type VaultRows } from '../../src/vault/schema.js';
import { aciOfName, type FakeRelay } from '../support/fake-relay.js';
import { envelopeFrom } from '../support/forge.js';
import { aliceAndBob, aliceAndBobTalking } from '../support/person.js';

/** A copy of a vault, as a restored browser profile is one. */
async function copyOf(vault: Vault): Promise<Vault> {
  const copy: Vault = memoryTables(VAULT_SCHEMA);
  const names = Object.keys(VAULT_SCHEMA) as (keyof VaultRows)[];
  for (const name of names) {
    const rows = await vault.read([name], (transaction) => transaction.range(name));
    await copy.write([name], async (transaction) => {
      for (const row of rows) await transaction.put(name, row);
    });
  }
  return copy;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** What Alice submits from now on that she had not sealed before. */
function freshFromAlice(relay: FakeRelay): Uint8Array[] {
  const before = new Set(relay.seen.flat().flatMap((part) => (part instanceof Uint8Array ? [hex(part)] : [])));
  const sent: Uint8Array[] = [];
  relay.onSubmit = (submit, from) => {
    // What was sealed before the copy goes out with the same bytes: no ratchet steps for it.
    if (from === aciOfName('alice')) sent.push(...submit.payloads.filter((payload) => !before.has(hex(payload))));
    return null;
  };
  return sent;
}

/** Alice's vault is copied, she says "three" and hears nothing since, then the copy takes its place. */
async function onlySentSinceTheCopy() {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await alice.sleep();
  const older = await copyOf(alice.vault);
  await bob.sleep();
  await alice.wake();
  await alice.say(bob, 'three');
  await alice.hasSent(bob, 'three');
  await alice.sleep();
  relay.verdicts.length = 0;
  return { relay, alice, bob, older, sent: freshFromAlice(relay) };
}

test('a profile restored from an older copy is noticed: its ratchets are never used again, and talking goes on', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await relay.emptied('alice');
  await alice.sleep();
  const older = await copyOf(alice.vault);
  await alice.wake();
  await alice.say(bob, 'three');
  await bob.texts(alice, 3);
  await bob.say(alice, 'four');
  await alice.texts(bob, 4);
  await relay.emptied('alice');
  await alice.sleep();

  const sent = freshFromAlice(relay);
  await alice.wake({ vault: older });
  await alice.online();
  await alice.say(bob, 'five');
  expect(await bob.texts(alice, 5)).toContain('five');
  // A fresh handshake (a PreKey message), not the old chain once more.
  expect(sent[0]?.[0]).toBe(PAYLOAD_PREKEY);
  await bob.say(alice, 'six');
  expect(await alice.texts(bob, 6)).toEqual(['hello', 'hi', 'three', 'four', 'five', 'six']);
});

test('a profile that has only sent since its copy was made is noticed, once: no message key is used again', async () => {
  const { relay, alice, bob, older, sent } = await onlySentSinceTheCopy();
  const keysBefore = relay.mailbox('alice').oneTime.map(({ id }) => id);
  await alice.wake({ vault: older });
  await alice.say(bob, 'four');
  await alice.hasSent(bob, 'four');
  expect(relay.verdicts).toEqual(['vault-behind']);
  expect(sent[0]?.[0]).toBe(PAYLOAD_PREKEY);
  // The private halves of the others may have been lost with what came after the copy.
  expect(relay.mailbox('alice').oneTime.filter(({ id }) => keysBefore.includes(id))).toEqual([]);
  await bob.wake();
  expect((await bob.texts(alice, 4)).sort()).toEqual(['four', 'hello', 'hi', 'three']);
  await bob.say(alice, 'five');
  expect(await alice.texts(bob, 5)).toContain('five');

  await alice.sleep();
  await alice.wake({ vault: older });
  await alice.online();
  expect(relay.verdicts.filter((verdict) => verdict === 'vault-behind')).toHaveLength(1);
  await alice.say(bob, 'six');
  expect(await bob.texts(alice, 6)).toContain('six');
});

test('a session of the older copy still opens what was under way, and never seals again', async () => {
  const { relay, alice, bob, older, sent } = await onlySentSinceTheCopy();
  await bob.wake();
  await bob.say(alice, 'four');
  await bob.hasSent(alice, 'four');
  await alice.wake({ vault: older });
  expect(await alice.texts(bob, 4)).toContain('four');
  await alice.say(bob, 'five');
  expect(await bob.texts(alice, 5)).toContain('five');
  expect(sent.map(([type]) => type)).not.toContain(PAYLOAD_WHISPER);
  // What Bob answers opens the new session for both sides.
  await bob.say(alice, 'six');
  await alice.texts(bob, 6);
  await alice.say(bob, 'seven');
  await bob.texts(alice, 7);
  expect(sent.at(-1)?.[0]).toBe(PAYLOAD_WHISPER);
  expect(relay.verdicts.filter((verdict) => verdict === 'vault-behind')).toHaveLength(1);
});

test('a session of the older copy that opens something late does not take the place of the new one', async () => {
  const { relay, alice, bob, older, sent } = await onlySentSinceTheCopy();
  let late: Uint8Array | undefined;
  relay.tamper = (payload, to) => {
    if (to.user !== aciOfName('alice')) return payload;
    late = payload;
    return null;
  };
  await bob.wake();
  await bob.say(alice, 'four');
  await bob.hasSent(alice, 'four');
  await bob.sleep();
  relay.tamper = (payload) => payload;

  await alice.wake({ vault: older });
  await alice.say(bob, 'five');
  await alice.hasSent(bob, 'five');
  const { length } = relay.mailbox('bob').oneTime;
  if (!late) throw new Error('nothing was sent');
  relay.inject('alice', await envelopeFrom(bob, late));
  await alice.sees(bob, (list) => list.some(({ text }) => text === 'four'));
  await alice.say(bob, 'six');
  await alice.hasSent(bob, 'six');
  expect(sent.map(([type]) => type)).not.toContain(PAYLOAD_WHISPER);
  expect(relay.mailbox('bob').oneTime).toHaveLength(length);
  await bob.wake();
  await bob.sees(alice, (list) => list.some(({ text }) => text === 'six'));
});

test('a session that the other side begins after the copy was noticed serves both ways', async () => {
  const { relay, alice, bob, older, sent } = await onlySentSinceTheCopy();
  await bob.vault.write(['sessions', 'archivedSessions'], async (transaction) => {
    for (const { user, device } of await transaction.range('sessions'))
      await transaction.delete('sessions', [user, device]);
  });
  await alice.wake({ vault: older });
  await alice.online();
  await bob.wake();
  await bob.say(alice, 'four');
  await alice.sees(bob, (list) => list.some(({ text }) => text === 'four'));
  await alice.say(bob, 'five');
  await bob.sees(alice, (list) => list.some(({ text }) => text === 'five'));
  expect(relay.verdicts).toContain('vault-behind');
  expect(sent.at(-1)?.[0]).toBe(PAYLOAD_WHISPER);
});

test('a relay that claims to have seen more costs a fresh session, and cannot use up the count', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await alice.sleep();
  const own = await readSealings(alice.vault);
  relay.mailbox('alice').sealings = Number.MAX_SAFE_INTEGER;
  const sent = freshFromAlice(relay);
  await alice.wake();
  await alice.say(bob, 'three');
  expect(await bob.texts(alice, 3)).toEqual(['hello', 'hi', 'three']);
  expect(sent[0]?.[0]).toBe(PAYLOAD_PREKEY);
  const count = await readSealings(alice.vault);
  expect(count).toBeGreaterThan(own);
  expect(count).toBeLessThan(2 ** 33);
});

test('a relay that has counted less, as it was itself put back, says nothing of the vault', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await alice.sleep();
  relay.mailbox('alice').sealings = 0;
  relay.verdicts.length = 0;
  await alice.wake();
  await alice.say(bob, 'three');
  await bob.texts(alice, 3);
  expect(relay.verdicts).toEqual(['ok']);
  expect(relay.mailbox('alice').sealings).toBe(await readSealings(alice.vault));
});

test('a relay restored from an older copy is noticed: prekeys are published anew, and nothing is lost or doubled', async () => {
  const { relay, alice, bob } = await aliceAndBobTalking();
  await relay.emptied('bob');
  await bob.sleep();
  const mailbox = relay.mailbox('bob');
  const [keysBefore] = mailbox.oneTime;
  mailbox.head = 0;
  mailbox.acked = { seq: 0, id: null };
  mailbox.envelopes = [];
  await alice.say(bob, 'after the restore');
  await alice.sees(bob, (messages) => messages.every((one) => one.kind !== 'text' || one.status !== 'pending'));
  await bob.wake();
  expect(await bob.texts(alice, 3)).toEqual(['hello', 'hi', 'after the restore']);
  expect(mailbox.oneTime.some(({ id }) => id === keysBefore?.id)).toBe(false);
});

test('a relay restored to before it had any prekeys of Bob, who has received nothing yet, gets all that he needs to be written to', async () => {
  const { relay, alice, bob } = await aliceAndBob();
  await bob.sleep();
  const mailbox = relay.mailbox('bob');
  Object.assign(mailbox, { signed: undefined, lastResort: undefined, oneTime: [], kem: [] });
  await bob.wake();
  await alice.say(bob, 'hello');
  expect(await bob.texts(alice, 1)).toEqual(['hello']);
  // Both sides had nothing to compare: no verdict says that the relay was put back.
  expect(new Set(relay.verdicts)).toEqual(new Set(['ok']));
});
