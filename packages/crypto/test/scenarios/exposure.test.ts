import { describe, expect, test } from 'vitest';
import {
  decryptMessage,
  serializeSession,
  serializeSessionRecord,
  wipeSuperseded,
  type EncryptedMessage,
  type SessionRecord,
  type SessionState,
} from '../../src/index.js';
import { text, toHex } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';
import { establishedPair, type Party } from '../support/party.js';
import { seededRandom } from '../support/random.js';

/** Mallory, who copied a party's state at some moment and decrypts with randomness of her own. */
class Thief {
  readonly #victim: Party;
  readonly #peer: Party;
  record: SessionRecord;

  constructor(victim: Party, peer: Party) {
    this.#victim = victim;
    this.#peer = peer;
    this.record = victim.record;
  }

  read(message: EncryptedMessage): string {
    const { record, plaintext } = decryptMessage({
      record: this.record,
      local: this.#victim.local,
      remote: this.#peer.local.address,
      bytes: message.bytes,
      random: seededRandom(666),
    });
    this.record = record;
    return text(plaintext);
  }
}

function current(record: SessionRecord): SessionState {
  if (record.current === null) throw new Error('no session');
  return record.current;
}

const WITHOUT_SPQR = { allowX3dh: false, pqRatchet: 'off' as const };

describe('forward secrecy: a stolen state does not open what was read before', () => {
  test.each([{ name: 'Double Ratchet', policy: WITHOUT_SPQR }, { name: 'Triple Ratchet' }])('$name', (options) => {
    const { alice, bob } = establishedPair(options.policy === undefined ? {} : { policy: options.policy });
    const read = ['one', 'two', 'three'].map((word) => alice.send(bob, word));
    for (const message of read) bob.receive(alice, message);
    const thief = new Thief(bob, alice);
    for (const message of read) expectCode('duplicate-message', () => thief.read(message));
  });

  test('no key that opened a message is left in the state of either side', () => {
    const { alice, bob } = establishedPair();
    const spent: string[] = [];
    for (let i = 0; i < 3; i++) {
      const sending = current(alice.record).ratchet.sender;
      spent.push(toHex(sending.chainKey.key));
      bob.receive(alice, alice.send(bob, `message ${i}`));
      spent.push(toHex(current(bob.record).ratchet.rootKey));
      alice.receive(bob, bob.send(alice, `answer ${i}`));
      spent.push(toHex(sending.ratchetKeyPair.privateKey));
    }
    const stored = [alice, bob].map(({ record }) => toHex(serializeSessionRecord(record)));
    for (const secret of spent.slice(0, -3)) for (const record of stored) expect(record).not.toContain(secret);
  });

  test('the key of a skipped message is gone once it was used', () => {
    const { alice, bob } = establishedPair();
    const late = alice.send(bob, 'late');
    bob.receive(alice, alice.send(bob, 'early'));
    expect(new Thief(bob, alice).read(late)).toBe('late');
    bob.receive(alice, late);
    expectCode('duplicate-message', () => new Thief(bob, alice).read(late));
  });
});

describe('post-compromise security: after a round trip the thief is locked out', () => {
  test('of the Double Ratchet alone', () => {
    const { alice, bob } = establishedPair({ policy: WITHOUT_SPQR });
    const thief = new Thief(bob, alice);
    const next = alice.send(bob, 'the thief reads this');
    expect(thief.read(next)).toBe('the thief reads this');
    bob.receive(alice, next);
    alice.receive(bob, bob.send(alice, 'a fresh ratchet key'));
    const healed = alice.send(bob, 'for Bob only');
    expectCode('invalid-message', () => thief.read(healed));
    expect(bob.receive(alice, healed)).toBe('for Bob only');
  });

  test('of SPQR alone: a thief who goes on learning every Double Ratchet secret loses it with the next epoch', () => {
    const { alice, bob } = establishedPair();
    const stolen = current(bob.record).pq;
    let sawRead = false;
    let lockedOut = false;
    for (let i = 0; i < 120 && !lockedOut; i++) {
      const message = alice.send(bob, `message ${i}`);
      // X25519 broken: Bob's present Double Ratchet, but the post-quantum state of the day of the theft.
      const hybrid = { ...current(bob.record), pq: stolen };
      const thief = new Thief(bob, alice);
      thief.record = { current: hybrid, archived: [] };
      try {
        expect(thief.read(message)).toBe(`message ${i}`);
        sawRead = true;
      } catch (error) {
        expect(error).toMatchObject({ code: 'invalid-message' });
        lockedOut = true;
      }
      bob.receive(alice, message);
      alice.receive(bob, bob.send(alice, `answer ${i}`));
    }
    expect(sawRead).toBe(true);
    expect(lockedOut).toBe(true);
  });
});

describe('wiping', () => {
  test('superseded secrets are zeroed, the new state is not touched', () => {
    const { alice, bob } = establishedPair();
    for (let i = 0; i < 100; i++) {
      for (const [from, to] of [[alice, bob] as const, [bob, alice] as const]) {
        const before = { from: from.record, to: to.record };
        const message = from.send(to, `message ${i}`);
        expect(to.receive(from, message)).toBe(`message ${i}`);
        const after = serializeSession(current(to.record));
        wipeSuperseded(before.to, to.record);
        wipeSuperseded(before.from, from.record);
        expect(serializeSession(current(to.record))).toEqual(after);
        expect(current(before.from).ratchet.sender.chainKey.key.every((byte) => byte === 0)).toBe(true);
      }
    }
  });

  test('what both states hold stays', () => {
    const { alice, bob } = establishedPair();
    const before = bob.record;
    bob.receive(alice, alice.send(bob, 'same root key'));
    bob.receive(alice, alice.send(bob, 'and once more'));
    wipeSuperseded(before, bob.record);
    expect(current(bob.record).ratchet.rootKey.some((byte) => byte !== 0)).toBe(true);
    expect(alice.receive(bob, bob.send(alice, 'still works'))).toBe('still works');
  });
});
