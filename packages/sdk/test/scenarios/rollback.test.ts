import { expect, test } from 'vitest';

import { memoryTables } from '../../src/storage/memory-tables.js';
import { VAULT_SCHEMA, type Vault, type VaultRows } from '../../src/vault/schema.js';
import { aciOfName } from '../support/fake-relay.js';
import { aliceAndBobTalking } from '../support/person.js';

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

  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const before = new Set(relay.seen.flat().flatMap((part) => (part instanceof Uint8Array ? [hex(part)] : [])));
  const sent: Uint8Array[] = [];
  relay.onSubmit = (submit, from) => {
    // What was sealed before the copy goes out with the same bytes: no ratchet steps for it.
    if (from === aciOfName('alice')) sent.push(...submit.payloads.filter((payload) => !before.has(hex(payload))));
    return null;
  };
  await alice.wake({ vault: older });
  await alice.online();
  await alice.say(bob, 'five');
  expect(await bob.texts(alice, 5)).toContain('five');
  // A fresh handshake (a PreKey message), not the old chain once more.
  expect(sent[0]?.[0]).toBe(3);
  await bob.say(alice, 'six');
  expect(await alice.texts(bob, 6)).toEqual(['hello', 'hi', 'three', 'four', 'five', 'six']);
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
