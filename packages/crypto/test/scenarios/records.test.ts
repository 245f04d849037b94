import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  agree,
  CryptoError,
  decryptMessage,
  deserializeKemPreKey,
  deserializeOneTimePreKey,
  deserializeSession,
  deserializeSessionRecord,
  deserializeSignedPreKey,
  emptySessionRecord,
  keyPairFromPrivate,
  serializeKemPreKey,
  serializeOneTimePreKey,
  serializeSession,
  serializeSessionRecord,
  serializeSignedPreKey,
  verify,
} from '../../src/index.js';
import { decapsulate, encapsulate } from '../../src/kem/kyber1024.js';
import { hex, text, toHex } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';
import { establishedPair } from '../support/party.js';
import { seededRandom } from '../support/random.js';

function fixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8')) as unknown;
}

interface StoredSession {
  name: string;
  local: { identityPrivate: string; name: string; deviceId: number };
  remote: { name: string; deviceId: number };
  record: string;
  sessions: (string | null)[];
  message: string;
  plaintext: string;
}

describe('records of version 1 keep loading', () => {
  test.each(fixture('session-record.v1') as StoredSession[])('$name', (stored) => {
    const record = deserializeSessionRecord(hex(stored.record));
    expect([record.current?.id ?? null, ...record.archived.map(({ id }) => id)]).toEqual(stored.sessions);
    const { identityPrivate, ...address } = stored.local;
    const local = { identityKeyPair: keyPairFromPrivate(hex(identityPrivate)), registrationId: 1, address };
    const bytes = hex(stored.message);
    const { plaintext } = decryptMessage({ record, local, remote: stored.remote, bytes, random: seededRandom(1) });
    expect(text(plaintext)).toBe(stored.plaintext);
    // While version 1 is the newest, writing gives the same bytes.
    expect(toHex(serializeSessionRecord(record))).toBe(stored.record);
  });

  test('prekeys', () => {
    const stored = fixture('pre-keys.v1') as Record<'oneTime' | 'signed' | 'kem' | 'identityPublic', string> & {
      createdAt: number;
    };
    const oneTime = deserializeOneTimePreKey(hex(stored.oneTime));
    const signed = deserializeSignedPreKey(hex(stored.signed));
    const kem = deserializeKemPreKey(hex(stored.kem));
    expect([oneTime.id, signed.id, kem.id]).toEqual([11, 12, 13]);
    expect([signed.createdAt, kem.createdAt]).toEqual([stored.createdAt, stored.createdAt]);
    for (const { keyPair, signature } of [signed, kem]) {
      expect(verify(hex(stored.identityPublic), keyPair.publicKey, signature)).toBe(true);
    }
    expect(agree(oneTime.keyPair.privateKey, signed.keyPair.publicKey)).toEqual(
      agree(signed.keyPair.privateKey, oneTime.keyPair.publicKey),
    );
    const { ciphertext, sharedSecret } = encapsulate(kem.keyPair.publicKey, seededRandom(1));
    expect(decapsulate(ciphertext, kem.keyPair.secretKey)).toEqual(sharedSecret);
    expect(toHex(serializeOneTimePreKey(oneTime))).toBe(stored.oneTime);
    expect(toHex(serializeSignedPreKey(signed))).toBe(stored.signed);
    expect(toHex(serializeKemPreKey(kem))).toBe(stored.kem);
  });
});

describe('damaged records', () => {
  const { alice, bob } = establishedPair();
  alice.send(bob, 'lost');
  bob.receive(alice, alice.send(bob, 'skips one'));
  const whole = serializeSessionRecord(bob.record);

  test('cut off anywhere, or with bytes too many, are corrupt', () => {
    for (let length = 0; length < whole.length; length++) {
      expectCode('corrupt-record', () => deserializeSessionRecord(whole.subarray(0, length)));
    }
    expectCode('corrupt-record', () => deserializeSessionRecord(Uint8Array.of(...whole, 0)));
  });

  test('of an unknown version are corrupt', () => {
    for (const version of [0, 2, 255]) {
      expectCode('corrupt-record', () => deserializeSessionRecord(whole.with(0, version)));
      expectCode('corrupt-record', () => deserializeOneTimePreKey(new Uint8Array(69).fill(version, 0, 1)));
    }
  });

  test('with any one byte changed load or are corrupt, nothing else', () => {
    for (let i = 0; i < whole.length; i++) {
      for (const bits of [0x01, 0x80, 0xff]) {
        try {
          deserializeSessionRecord(whole.with(i, (whole[i] ?? 0) ^ bits));
        } catch (error) {
          expect(error).toBeInstanceOf(CryptoError);
          expect(error).toMatchObject({ code: 'corrupt-record' });
        }
      }
    }
  });

  test('with skipped seeds out of order are corrupt', () => {
    const session = bob.record.current;
    if (session === null) throw new Error('no session');
    const [chain, ...rest] = session.ratchet.receivers.toReversed();
    if (chain === undefined) throw new Error('no chain');
    const swapped = { ...chain, skipped: Uint8Array.of(...chain.skipped, ...chain.skipped) };
    const broken = { ...session, ratchet: { ...session.ratchet, receivers: [swapped, ...rest] } };
    expectCode('corrupt-record', () => deserializeSession(serializeSession(broken)));
  });

  test('the empty record is five bytes at most and comes back', () => {
    const bytes = serializeSessionRecord(emptySessionRecord);
    expect(bytes.length).toBeLessThanOrEqual(5);
    expect(deserializeSessionRecord(bytes)).toEqual(emptySessionRecord);
  });
});
