import { expect } from 'vitest';
import {
  decryptMessage,
  decryptPreKeyMessage,
  deserializeSessionRecord,
  emptySessionRecord,
  encrypt,
  keyPairFromPrivate,
  serializeSessionRecord,
  startSession,
  type HandshakePolicy,
  type LocalParty,
  type PrivatePreKeys,
  type SessionRecord,
} from '../../src/index.js';
import { hex, text, toHex, utf8 } from './bytes.js';
import { recordedRandom } from './random.js';

interface Drawn {
  label: string;
  bytes: string;
}

interface Event {
  do: 'encrypt' | 'decrypt';
  type: 2 | 3;
  bytes: string;
  plaintext: string;
  randomness: Drawn[];
  after: { rootKey: string; sendChainIndex: number };
}

interface InitiatorSetup {
  identityPrivate: string;
  registrationId: number;
  peerBundle: {
    registrationId: number;
    deviceId: number;
    identityPublic: string;
    oneTimePreKeyId: number;
    oneTimePreKey: string;
    signedPreKeyId: number;
    signedPreKey: string;
    signedPreKeySignature: string;
    kyberPreKeyId: number;
    kyberPreKey: string;
    kyberPreKeySignature: string;
  };
  randomness: Drawn[];
}

interface ResponderSetup {
  identityPrivate: string;
  registrationId: number;
  signedPreKeyPrivate: string;
  oneTimePreKeyPrivate: string;
  kyberSecret: string;
  kyberPublic: string;
  ids: { oneTime: number; signed: number; kyber: number };
}

export interface Transcript {
  peerVersion: string;
  spqr: boolean;
  spqrMinVersion: 0 | 1;
  role: 'alice' | 'bob';
  myAddress: [string, number];
  peerAddress: [string, number];
  setup: InitiatorSetup | ResponderSetup;
  eventCount: number;
  events: Event[];
}

function policyOf(transcript: Transcript): HandshakePolicy {
  if (!transcript.spqr) return { allowX3dh: false, pqRatchet: 'off' };
  return { allowX3dh: false, pqRatchet: transcript.spqrMinVersion === 0 ? 'optional' : 'required' };
}

function bundleOf({ peerBundle }: InitiatorSetup) {
  return {
    registrationId: peerBundle.registrationId,
    deviceId: peerBundle.deviceId,
    identityKey: hex(peerBundle.identityPublic),
    signedPreKey: {
      id: peerBundle.signedPreKeyId,
      publicKey: hex(peerBundle.signedPreKey),
      signature: hex(peerBundle.signedPreKeySignature),
    },
    kemPreKey: {
      id: peerBundle.kyberPreKeyId,
      publicKey: hex(peerBundle.kyberPreKey),
      signature: hex(peerBundle.kyberPreKeySignature),
    },
    oneTimePreKey: { id: peerBundle.oneTimePreKeyId, publicKey: hex(peerBundle.oneTimePreKey) },
  };
}

function preKeysOf(setup: ResponderSetup): PrivatePreKeys {
  return {
    signed: { id: setup.ids.signed, keyPair: keyPairFromPrivate(hex(setup.signedPreKeyPrivate)) },
    kem: {
      id: setup.ids.kyber,
      keyPair: { publicKey: hex(setup.kyberPublic), secretKey: hex(setup.kyberSecret) },
    },
    oneTime: { id: setup.ids.oneTime, keyPair: keyPairFromPrivate(hex(setup.oneTimePreKeyPrivate)) },
  };
}

function address([name, deviceId]: [string, number]) {
  return { name, deviceId };
}

/** Replays a recorded session of ours, byte for byte; the record is stored and loaded again after every event. */
export function replay(transcript: Transcript): void {
  const { setup } = transcript;
  const local: LocalParty = {
    identityKeyPair: keyPairFromPrivate(hex(setup.identityPrivate)),
    registrationId: setup.registrationId,
    address: address(transcript.myAddress),
  };
  const remote = address(transcript.peerAddress);
  const policy = policyOf(transcript);
  let record: SessionRecord = emptySessionRecord;
  let preKeys: PrivatePreKeys = {};
  const now = 1_700_000_000_000;
  if ('peerBundle' in setup) {
    const { random, left } = recorded(setup.randomness);
    ({ record } = startSession({ record, local, remote, bundle: bundleOf(setup), now, random, policy }));
    expect(left()).toBe(0);
  } else {
    preKeys = preKeysOf(setup);
  }
  expect(transcript.events).toHaveLength(transcript.eventCount);
  for (const event of transcript.events) {
    const { random, left } = recorded(event.randomness);
    record = deserializeSessionRecord(serializeSessionRecord(record));
    if (event.do === 'encrypt') {
      const result = encrypt({ record, local, remote, plaintext: utf8(event.plaintext), now, random });
      expect(toHex(result.message.bytes)).toBe(event.bytes);
      expect(result.message.type).toBe(event.type === 3 ? 'prekey' : 'whisper');
      ({ record } = result);
    } else {
      const bytes = hex(event.bytes);
      const result =
        event.type === 3
          ? decryptPreKeyMessage({ record, local, remote, bytes, preKeys, random, policy })
          : decryptMessage({ record, local, remote, bytes, random });
      expect(text(result.plaintext)).toBe(event.plaintext);
      ({ record } = result);
    }
    expect(left()).toBe(0);
    expect(toHex(record.current?.ratchet.rootKey ?? new Uint8Array())).toBe(event.after.rootKey);
    expect(record.current?.ratchet.sender.chainKey.index).toBe(event.after.sendChainIndex);
  }
}

function recorded(drawn: readonly Drawn[]) {
  return recordedRandom(drawn.map(({ bytes }) => hex(bytes)));
}
