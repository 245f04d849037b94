import { describe, expect, test } from 'vitest';
import {
  decryptPreKeyMessage,
  emptySessionRecord,
  keyPairFromPrivate,
  readPreKeyMessage,
  type HandshakePolicy,
  type SessionRecord,
} from '../../src/index.js';
import { parsePreKeyMessage } from '../../src/handshake/pre-key-message.js';
import { responderSecrets } from '../../src/handshake/pqxdh.js';
import { decapsulate } from '../../src/kem/kyber1024.js';
import { nextRootKey } from '../../src/ratchet/root-key.js';
import { agree } from '../../src/keys/curve25519.js';
import { hex, toHex } from '../support/bytes.js';
import { vectors } from '../support/json.js';
import { seededRandom } from '../support/random.js';

interface Case {
  peerVersion: string;
  mode: string;
  responder: {
    identityPrivate: string;
    signedPreKeyPrivate: string;
    oneTimePreKeyPrivate: string;
    kyberSecret: string;
    kyberPublic: string;
    ids: { oneTime: number; signed: number; kyber: number };
    registrationId: number;
  };
  initiator: {
    identityPublic: string;
    registrationId: number;
    address: [string, number];
    baseKeyPublic: string;
    firstRatchetPublic: string;
  };
  responderAddress: [string, number];
  oneTimePreKeyUsed: boolean;
  expected: {
    rootKey0: string;
    chainKey0_responderSends: string;
    spqrAuthKey?: string;
    rootKey1_afterInitiatorRatchet: string;
    initiatorSendChainKey: string;
  };
  messages: { type: number; plaintext: string; bytes: string }[];
}

const FILES = ['gen-handshake-x3dh', 'gen-handshake-pqxdh', 'gen-handshake-pqxdh-spqr'] as const;

function policyFor(file: (typeof FILES)[number], peerVersion: string): HandshakePolicy {
  if (file !== 'gen-handshake-pqxdh-spqr') return { allowX3dh: true, pqRatchet: 'off' };
  return { allowX3dh: false, pqRatchet: peerVersion === '0.83.0' ? 'optional' : 'required' };
}

function keysOf({ responder }: Case) {
  return {
    identity: keyPairFromPrivate(hex(responder.identityPrivate)),
    signed: keyPairFromPrivate(hex(responder.signedPreKeyPrivate)),
    oneTime: keyPairFromPrivate(hex(responder.oneTimePreKeyPrivate)),
    kem: { publicKey: hex(responder.kyberPublic), secretKey: hex(responder.kyberSecret) },
  };
}

/** Feeds the messages in the given order to a fresh responder. */
function receiveAll(v: Case, policy: HandshakePolicy, order: readonly number[]): void {
  const keys = keysOf(v);
  const { ids, registrationId } = v.responder;
  const [name, deviceId] = v.responderAddress;
  const local = { identityKeyPair: keys.identity, registrationId, address: { name, deviceId } };
  const remote = { name: v.initiator.address[0], deviceId: v.initiator.address[1] };
  let record: SessionRecord = emptySessionRecord;
  let first = true;
  for (const position of order) {
    const message = v.messages[position];
    if (message === undefined) throw new Error('no such message');
    const bytes = hex(message.bytes);
    const preKeys = first
      ? {
          signed: { id: ids.signed, keyPair: keys.signed },
          kem: { id: ids.kyber, keyPair: keys.kem },
          oneTime: { id: ids.oneTime, keyPair: keys.oneTime },
        }
      : {};
    const result = decryptPreKeyMessage({ record, local, remote, bytes, preKeys, random: seededRandom(1), policy });
    expect(toHex(result.plaintext)).toBe(message.plaintext);
    expect(toHex(result.identityKey)).toBe(v.initiator.identityPublic);
    expect(result.created).toBe(first);
    expect(result.used?.oneTimePreKeyId).toBe(first && v.oneTimePreKeyUsed ? ids.oneTime : undefined);
    ({ record } = result);
    first = false;
  }
}

describe.each(FILES)('%s', (file) => {
  const { cases } = vectors(file) as { cases: Case[] };

  test.each(cases)('$peerVersion, one-time prekey $oneTimePreKeyUsed: intermediate secrets', (v) => {
    const keys = keysOf(v);
    const message = parsePreKeyMessage(hex(v.messages[0]?.bytes ?? ''));
    const secrets = responderSecrets({
      identity: keys.identity,
      signedPreKey: keys.signed,
      oneTimePreKey: v.oneTimePreKeyUsed ? keys.oneTime : null,
      theirIdentityKey: message.identityKey,
      theirBaseKey: message.baseKey,
      kemSecret: message.kem === null ? null : decapsulate(message.kem.ciphertext, keys.kem.secretKey),
    });
    expect(toHex(secrets.rootKey)).toBe(v.expected.rootKey0);
    expect(toHex(secrets.chainKey)).toBe(v.expected.chainKey0_responderSends);
    if (v.expected.spqrAuthKey !== undefined) {
      expect(toHex(secrets.pqAuthKey ?? new Uint8Array())).toBe(v.expected.spqrAuthKey);
    }
    const dh = agree(keys.signed.privateKey, hex(v.initiator.firstRatchetPublic));
    const step = nextRootKey(secrets.rootKey, dh);
    expect(toHex(step.rootKey)).toBe(v.expected.rootKey1_afterInitiatorRatchet);
    expect(toHex(step.chainKey.key)).toBe(v.expected.initiatorSendChainKey);
  });

  test.each(cases)('$peerVersion, one-time prekey $oneTimePreKeyUsed: messages in any order', (v) => {
    const inOrder = v.messages.map((_, i) => i).filter((i) => v.messages[i]?.type === 3);
    receiveAll(v, policyFor(file, v.peerVersion), inOrder);
    receiveAll(v, policyFor(file, v.peerVersion), inOrder.toReversed());
  });

  test.each(cases)('$peerVersion: reading a message names its prekeys', (v) => {
    const info = readPreKeyMessage(hex(v.messages[0]?.bytes ?? ''));
    expect(toHex(info.baseKey)).toBe(v.initiator.baseKeyPublic);
    expect(info.registrationId).toBe(v.initiator.registrationId);
    expect(info.signedPreKeyId).toBe(v.responder.ids.signed);
    expect(info.oneTimePreKeyId).toBe(v.oneTimePreKeyUsed ? v.responder.ids.oneTime : undefined);
    expect(info.kemPreKeyId).toBe(v.mode === 'x3dh' ? undefined : v.responder.ids.kyber);
  });
});
