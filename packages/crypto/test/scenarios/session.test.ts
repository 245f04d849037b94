import { describe, expect, test } from 'vitest';
import {
  archiveCurrentSession,
  emptySessionRecord,
  hasUsableSession,
  serializeSessionRecord,
  sign,
} from '../../src/index.js';
import { expectCode } from '../support/errors.js';
import { ALICE, aliceAndBob, BOB, establishedPair, NOW, Party } from '../support/party.js';

const DAY = 24 * 60 * 60 * 1000;

describe('first contact', () => {
  test('Alice writes to Bob, whom she never met, and he answers', () => {
    const { alice, bob } = aliceAndBob();
    alice.startSession(bob);
    const first = alice.send(bob, 'hello Bob');
    expect(first.type).toBe('prekey');
    expect(bob.receive(alice, first)).toBe('hello Bob');
    const answer = bob.send(alice, 'hello Alice');
    expect(answer.type).toBe('whisper');
    expect(alice.receive(bob, answer)).toBe('hello Alice');
    expect(alice.send(bob, 'now we talk').type).toBe('whisper');
  });

  test('without one-time prekeys it works as well', () => {
    const { alice, bob } = aliceAndBob();
    alice.startSession(bob, bob.bundle({ oneTime: false }));
    expect(bob.receive(alice, alice.send(bob, 'hello'))).toBe('hello');
  });

  test('PreKey messages arrive in any order, and one twice is a duplicate', () => {
    const { alice, bob } = aliceAndBob();
    alice.startSession(bob);
    const messages = ['one', 'two', 'three'].map((text) => alice.send(bob, text));
    expect(messages.toReversed().map((message) => bob.receive(alice, message))).toEqual(['three', 'two', 'one']);
    for (const message of messages) expectCode('duplicate-message', () => bob.receive(alice, message));
  });

  test('a one-time prekey is used once; a second handshake with it is refused', () => {
    const { alice, bob } = aliceAndBob();
    const carol = new Party({ name: 'c0ffee00-0000-4000-8000-000000000001', seed: 9 });
    const bundle = bob.bundle();
    alice.startSession(bob, bundle);
    carol.startSession(bob, bundle);
    bob.receive(alice, alice.send(bob, 'first'));
    expect(bob.oneTimePreKeyCount).toBe(0);
    bob.record = emptySessionRecord;
    expectCode('prekey-missing', () => bob.receive(carol, carol.send(bob, 'second')));
  });

  test('a late PreKey message still decrypts after ratchet turns', () => {
    const { alice, bob } = aliceAndBob();
    alice.startSession(bob);
    const late = alice.send(bob, 'late');
    bob.receive(alice, alice.send(bob, 'early'));
    alice.receive(bob, bob.send(alice, 'answer'));
    bob.receive(alice, alice.send(bob, 'next'));
    expect(bob.receive(alice, late)).toBe('late');
  });

  test('both write first: both sessions work and they converge', () => {
    const { alice, bob } = aliceAndBob();
    alice.startSession(bob);
    bob.startSession(alice);
    const fromAlice = alice.send(bob, 'from Alice');
    const fromBob = bob.send(alice, 'from Bob');
    expect(bob.receive(alice, fromAlice)).toBe('from Alice');
    expect(alice.receive(bob, fromBob)).toBe('from Bob');
    for (let i = 0; i < 3; i++) {
      expect(bob.receive(alice, alice.send(bob, `a${i}`))).toBe(`a${i}`);
      expect(alice.receive(bob, bob.send(alice, `b${i}`))).toBe(`b${i}`);
    }
    expect(alice.record.current?.id).toBe(bob.record.current?.id);
  });
});

describe('bundles', () => {
  test('a bundle signed by someone else is refused', () => {
    const { alice, bob } = aliceAndBob();
    const bundle = bob.bundle();
    const mallory = new Party({ name: BOB, seed: 66 });
    const forged = sign(mallory.local.identityKeyPair.privateKey, bundle.signedPreKey.publicKey, mallory.random);
    const signedPreKey = { ...bundle.signedPreKey, signature: forged };
    expectCode('bad-signature', () => alice.startSession(bob, { ...bundle, signedPreKey }));
    if (bundle.kemPreKey === undefined) throw new Error('bundle without KEM prekey');
    const kemPreKey = { ...bundle.kemPreKey, signature: forged };
    expectCode('bad-signature', () => alice.startSession(bob, { ...bundle, kemPreKey }));
    expect(alice.record).toBe(emptySessionRecord);
  });

  test('a bundle without KEM prekey is refused unless the policy allows X3DH', () => {
    const { alice, bob } = aliceAndBob();
    expectCode('unsupported-handshake', () => alice.startSession(bob, bob.bundle({ kem: false })));
    const old = aliceAndBob({ policy: { allowX3dh: true, pqRatchet: 'off' } });
    old.alice.startSession(old.bob, old.bob.bundle({ kem: false }));
    const message = old.alice.send(old.bob, 'classic');
    expect(message.bytes[0]).toBe(0x34);
    expect(old.bob.receive(old.alice, message)).toBe('classic');
    expectCode('unsupported-handshake', () => bob.receive(alice, message));
  });

  test('malformed keys and another device are refused', () => {
    const { alice, bob } = aliceAndBob();
    const bundle = bob.bundle();
    expectCode('bad-key', () => alice.startSession(bob, { ...bundle, identityKey: new Uint8Array(33) }));
    const oneTimePreKey = { id: 1, publicKey: new Uint8Array(33).fill(5, 0, 1) };
    expectCode('bad-key', () => alice.startSession(bob, { ...bundle, oneTimePreKey }));
    expectCode('invalid-argument', () => alice.startSession(bob, { ...bundle, deviceId: 2 }));
    const device = new Party({ name: BOB, seed: 3, deviceId: 128 });
    expectCode('invalid-argument', () => alice.startSession(device));
  });
});

describe('unanswered sessions', () => {
  test('after 30 days without an answer nothing is sent', () => {
    const { alice, bob } = aliceAndBob();
    alice.startSession(bob);
    alice.now = NOW + 30 * DAY;
    expect(alice.send(bob, 'still there?').type).toBe('prekey');
    expect(hasUsableSession(alice.record, alice.now)).toBe(true);
    alice.now += 1000;
    expect(hasUsableSession(alice.record, alice.now)).toBe(false);
    expectCode('session-not-found', () => alice.send(bob, 'hello?'));
  });

  test('an answered session does not age', () => {
    const { alice, bob } = establishedPair();
    alice.now = NOW + 3650 * DAY;
    expect(bob.receive(alice, alice.send(bob, 'ten years on'))).toBe('ten years on');
  });
});

describe('archived sessions', () => {
  test('after archiving nothing is sent, but a message revives the session', () => {
    const { alice, bob } = establishedPair();
    const { id } = alice.record.current ?? { id: '' };
    alice.record = archiveCurrentSession(alice.record);
    expectCode('session-not-found', () => alice.send(bob, 'cannot'));
    expect(alice.receive(bob, bob.send(alice, 'knock'))).toBe('knock');
    expect(alice.record.current?.id).toBe(id);
    expect(alice.record.archived).toHaveLength(0);
    expect(bob.receive(alice, alice.send(bob, 'back'))).toBe('back');
  });

  test('a message of an archived session promotes it and archives the present one', () => {
    const { alice, bob } = establishedPair();
    const late = bob.send(alice, 'from the old session');
    alice.startSession(bob);
    const fresh = alice.record.current?.id;
    expect(alice.receive(bob, late)).toBe('from the old session');
    expect(alice.record.current?.id).not.toBe(fresh);
    expect(alice.record.archived.map(({ id }) => id)).toEqual([fresh]);
  });

  test('41 sessions: the oldest of 40 archived ones is gone', () => {
    const { alice, bob } = establishedPair();
    const oldest = bob.send(alice, 'too old');
    const bundle = bob.bundle({ oneTime: false });
    for (let i = 0; i < 40; i++) alice.startSession(bob, bundle);
    expect(alice.record.archived).toHaveLength(40);
    const before = alice.record;
    expect(alice.receive(bob, oldest)).toBe('too old');
    alice.record = before;
    alice.startSession(bob, bundle);
    expect(alice.record.archived).toHaveLength(40);
    expectCode('invalid-message', () => alice.receive(bob, oldest));
  });

  test('the work budget leaves archived sessions untried', () => {
    const { alice, bob } = establishedPair({ limits: { maxArchivedTrialSteps: 50 } });
    const late = bob.send(alice, 'known chain, cheap');
    const reply = alice.send(bob, 'turn');
    bob.receive(alice, reply);
    const turned = bob.send(alice, 'new ratchet key, needs a DH');
    alice.startSession(bob);
    expectCode('invalid-message', () => alice.receive(bob, turned));
    expect(alice.receive(bob, late)).toBe('known chain, cheap');
    expect(alice.receive(bob, turned)).toBe('new ratchet key, needs a DH');
  });
});

describe('altered messages', () => {
  test('every changed byte of a message is refused, the state stays the same, the original still decrypts', () => {
    const { alice, bob } = establishedPair();
    const message = alice.send(bob, 'authentic');
    const before = serializeSessionRecord(bob.record);
    for (let i = 0; i < message.bytes.length; i++) {
      const bytes = message.bytes.slice();
      bytes[i] = (bytes[i] ?? 0) ^ 0x40;
      expect(() => bob.receive(alice, { ...message, bytes }), `byte ${i}`).toThrow();
    }
    expect(serializeSessionRecord(bob.record)).toEqual(before);
    expect(bob.receive(alice, message)).toBe('authentic');
  });

  test('a PreKey message with another identity key in its outer part is refused, new session or known one', () => {
    const { alice, bob } = aliceAndBob();
    const mallory = new Party({ name: ALICE, seed: 66 });
    alice.startSession(bob);
    const swap = (bytes: Uint8Array) => {
      const own = Buffer.from(alice.local.identityKeyPair.publicKey);
      const at = Buffer.from(bytes).indexOf(own);
      const altered = bytes.slice();
      altered.set(mallory.local.identityKeyPair.publicKey, at);
      return altered;
    };
    const first = alice.send(bob, 'first');
    expectCode('invalid-message', () => bob.receive(alice, { ...first, bytes: swap(first.bytes) }));
    expect(bob.receive(alice, first)).toBe('first');
    const second = alice.send(bob, 'second');
    expectCode('invalid-message', () => bob.receive(alice, { ...second, bytes: swap(second.bytes) }));
    expect(bob.receive(alice, second)).toBe('second');
  });

  test('a first message delivered to another device of Bob, with the same keys, is refused', () => {
    const { alice, bob } = aliceAndBob();
    const twin = new Party({ name: BOB, seed: 2, deviceId: 2 });
    alice.startSession(bob);
    twin.bundle();
    const message = alice.send(bob, 'for device 1');
    expectCode('invalid-message', () => twin.receive(alice, message));
    expect(bob.receive(alice, message)).toBe('for device 1');
  });

  test('nonsense gets the parsing errors', () => {
    const { alice, bob } = establishedPair();
    const { bytes } = alice.send(bob, 'x');
    const withVersion = (first: number) => ({
      type: 'whisper' as const,
      bytes: Uint8Array.of(first, ...bytes.slice(1)),
    });
    expectCode('too-short', () => bob.receive(alice, { type: 'whisper', bytes: new Uint8Array() }));
    expectCode('too-short', () => bob.receive(alice, { type: 'whisper', bytes: bytes.slice(0, 8) }));
    expectCode('legacy-version', () => bob.receive(alice, withVersion(0x24)));
    expectCode('unrecognized-version', () => bob.receive(alice, withVersion(0x54)));
    expectCode('invalid-protobuf', () => bob.receive(alice, { type: 'whisper', bytes: bytes.slice(0, 30) }));
    expectCode('invalid-protobuf', () => bob.receive(alice, { type: 'prekey', bytes }));
    bob.record = emptySessionRecord;
    expectCode('session-not-found', () => bob.receive(alice, { type: 'whisper', bytes }));
  });
});
