/** Every function that takes bytes of a stranger or of the disk, each with valid inputs to start from. */
import {
  agree,
  createDistributionMessage,
  createSenderCertificate,
  createServerCertificate,
  decodeDecryptionError,
  decodeSealedContent,
  decodeSentMessage,
  deserializeKemPreKey,
  deserializeOneTimePreKey,
  deserializeSenderKeyRecord,
  deserializeSession,
  deserializeSessionRecord,
  deserializeSignedPreKey,
  emptySenderKeyRecord,
  emptySessionRecord,
  encodeDecryptionError,
  encodeSealedContent,
  generateKemPreKey,
  generateKeyPair,
  generateOneTimePreKey,
  generateSignedPreKey,
  groupDecrypt,
  groupEncrypt,
  openEnvelope,
  parsePublicKey,
  parseSenderCertificate,
  parseServerCertificate,
  processDistributionMessage,
  readGroupMessage,
  readPreKeyMessage,
  sealForMany,
  sealForOne,
  serializeKemPreKey,
  serializeOneTimePreKey,
  serializeSenderKeyRecord,
  serializeSession,
  serializeSessionRecord,
  serializeSignedPreKey,
  sign,
  verify,
} from '../src/index.js';
import { createFingerprint, matchesScanned } from '../src/fingerprint/index.js';
import { decodeMessage } from '../src/spqr/message.js';
import { deserializeSpqr, serializeSpqr } from '../src/spqr/codec.js';
import { initSpqr, spqrReceive, spqrSend } from '../src/spqr/spqr.js';
import { aliceAndBob, BOB, establishedPair, NOW, type Party } from '../test/support/party.js';
import { seededRandom } from '../test/support/random.js';

export interface Target {
  readonly name: string;
  /** Valid inputs. */
  readonly seeds: readonly Uint8Array[];
  /** How often it is chosen: slow targets less. */
  readonly weight: number;
  readonly run: (bytes: Uint8Array) => unknown;
  /** Bytes of the state that no failure may change. */
  readonly state?: () => Uint8Array;
}

const GROUP = 'd1d1d1d1-7000-11eb-b32a-33b8a8a487a6';
const random = seededRandom(4242);
const plaintext = new Uint8Array(100).fill(7);

function sessions(): Target[] {
  const { alice, bob } = establishedPair();
  alice.send(bob, 'lost');
  bob.receive(alice, alice.send(bob, 'skips one'));
  const whispers = ['same chain', 'later'].map((text) => alice.send(bob, text).bytes);
  const turned = establishedPair();
  const turn = turned.alice.send(turned.bob, 'turns the ratchet').bytes;
  const first = aliceAndBob();
  first.alice.startSession(first.bob);
  const hello = [1, 2].map((i) => first.alice.send(first.bob, `hello ${i}`).bytes);
  return [
    decryption('decrypt whisper', 100, alice, bob, 'whisper', whispers),
    decryption('decrypt with a turn', 10, turned.alice, turned.bob, 'whisper', [turn]),
    decryption('decrypt prekey, new session', 5, first.alice, first.bob, 'prekey', hello),
    { name: 'read prekey message', weight: 100, seeds: hello, run: readPreKeyMessage },
    ...records(bob, first.alice),
  ];
}

function decryption(
  name: string,
  weight: number,
  from: Party,
  to: Party,
  type: 'prekey' | 'whisper',
  seeds: readonly Uint8Array[],
): Target {
  const before = to.record;
  const run = (bytes: Uint8Array) => {
    // A mutation may leave a message valid (a version nibble, an unknown field); the next input meets the same state
    // again.
    to.record = before;
    return to.receive(from, { type, bytes });
  };
  return { name, weight, seeds, run, state: () => serializeSessionRecord(before) };
}

function records(answered: Party, unanswered: Party): Target[] {
  const input = { identityKeyPair: generateKeyPair(random), now: NOW, random };
  const states = [answered, unanswered].map(({ record }) => record);
  const current = states.flatMap((state) => (state.current === null ? [] : [serializeSession(state.current)]));
  return [
    {
      name: 'session record',
      weight: 100,
      seeds: [...states, emptySessionRecord].map(serializeSessionRecord),
      run: deserializeSessionRecord,
    },
    { name: 'session', weight: 100, seeds: current, run: deserializeSession },
    {
      name: 'one-time prekey',
      weight: 30,
      seeds: [serializeOneTimePreKey(generateOneTimePreKey(1, random))],
      run: deserializeOneTimePreKey,
    },
    {
      name: 'signed prekey',
      weight: 30,
      seeds: [serializeSignedPreKey(generateSignedPreKey({ id: 2, ...input }))],
      run: deserializeSignedPreKey,
    },
    {
      name: 'KEM prekey',
      weight: 30,
      seeds: [serializeKemPreKey(generateKemPreKey({ id: 3, ...input }))],
      run: deserializeKemPreKey,
    },
  ];
}

function keys(): Target[] {
  const { publicKey, privateKey } = generateKeyPair(random);
  const signature = sign(privateKey, plaintext, random);
  const { alice, bob } = aliceAndBob();
  const { kemPreKey } = bob.bundle();
  if (kemPreKey === undefined) throw new Error('bundle without KEM prekey');
  return [
    { name: 'public key', weight: 50, seeds: [publicKey], run: parsePublicKey },
    { name: 'agreement', weight: 1, seeds: [publicKey], run: (bytes) => agree(privateKey, bytes) },
    { name: 'signature', weight: 1, seeds: [signature], run: (bytes) => verify(publicKey, plaintext, bytes) },
    { name: 'verification key', weight: 1, seeds: [publicKey], run: (bytes) => verify(bytes, plaintext, signature) },
    {
      name: 'bundle',
      weight: 1,
      seeds: [kemPreKey.publicKey],
      run: (bytes) => {
        const altered = { ...bob.bundle({ oneTime: false }), kemPreKey: { ...kemPreKey, publicKey: bytes } };
        alice.startSession(bob, altered);
      },
    },
  ];
}

function spqr(): Target[] {
  const authKey = random(32);
  let a = initSpqr({ authKey, direction: 'a2b' }) as Parameters<typeof spqrSend>[0];
  let b = initSpqr({ authKey, direction: 'b2a' }) as Parameters<typeof spqrSend>[0];
  const seeds: Uint8Array[] = [];
  for (let i = 0; i < 30; i++) {
    const sent = spqrSend(a, random);
    a = sent.state;
    b = spqrReceive(b, sent.message).state;
    const answer = spqrSend(b, random);
    b = answer.state;
    a = spqrReceive(a, answer.message).state;
  }
  for (let i = 0; i < 3; i++) {
    const sent = spqrSend(a, random);
    a = sent.state;
    seeds.push(sent.message);
  }
  return [
    { name: 'SPQR message', weight: 60, seeds, run: decodeMessage },
    { name: 'SPQR receive', weight: 30, seeds, run: (bytes) => spqrReceive(b, bytes), state: () => serializeSpqr(b) },
    { name: 'SPQR state', weight: 60, seeds: [a, b].map(serializeSpqr), run: deserializeSpqr },
  ];
}

function groups(): Target[] {
  const made = createDistributionMessage({ record: emptySenderKeyRecord, distributionId: GROUP, random });
  const { record } = processDistributionMessage({ record: emptySenderKeyRecord, message: made.message });
  const sent = groupEncrypt({ record: made.record, distributionId: GROUP, plaintext, random });
  return [
    {
      name: 'distribution message',
      weight: 60,
      seeds: [made.message],
      run: (message) => processDistributionMessage({ record, message }),
    },
    { name: 'group message', weight: 60, seeds: [sent.message], run: readGroupMessage },
    {
      name: 'group decrypt',
      weight: 1,
      seeds: [sent.message],
      run: (message) => groupDecrypt({ record, message }),
      state: () => serializeSenderKeyRecord(record),
    },
    {
      name: 'sender key record',
      weight: 60,
      seeds: [made.record, record].map(serializeSenderKeyRecord),
      run: deserializeSenderKeyRecord,
    },
  ];
}

function sealedSender(): Target[] {
  const [root, server] = [generateKeyPair(random), generateKeyPair(random)];
  const { alice, bob } = aliceAndBob();
  const serverCertificate = createServerCertificate({
    id: 1,
    publicKey: server.publicKey,
    trustRootPrivateKey: root.privateKey,
    random,
  });
  const sender = alice.local.identityKeyPair;
  const certificate = createSenderCertificate({
    uuid: alice.local.address.name,
    deviceId: 1,
    expires: NOW,
    identityKey: sender.publicKey,
    serverCertificate,
    serverPrivateKey: server.privateKey,
    random,
  });
  const content = encodeSealedContent({ type: 'whisper', certificate, message: plaintext });
  const recipient = bob.local.identityKeyPair;
  const one = sealForOne({ content, sender, recipient: recipient.publicKey, random });
  const device = { name: BOB, deviceId: 1, registrationId: 1, identityKey: recipient.publicKey };
  const many = sealForMany({ content, sender, recipients: [device], random });
  return [
    { name: 'server certificate', weight: 40, seeds: [serverCertificate], run: parseServerCertificate },
    { name: 'sender certificate', weight: 40, seeds: [certificate], run: parseSenderCertificate },
    { name: 'sealed content', weight: 40, seeds: [content], run: decodeSealedContent },
    { name: 'sent message', weight: 40, seeds: [many], run: decodeSentMessage },
    { name: 'sealed envelope', weight: 1, seeds: [one, many], run: (bytes) => openEnvelope(bytes, recipient) },
    {
      name: 'decryption error',
      weight: 40,
      seeds: [encodeDecryptionError({ ratchetKey: sender.publicKey, timestamp: NOW, deviceId: 1 })],
      run: decodeDecryptionError,
    },
  ];
}

function fingerprints(): Target[] {
  const { alice, bob } = aliceAndBob();
  const party = ({ local }: Party) => ({ id: new Uint8Array(16), identityKey: local.identityKeyPair.publicKey });
  const { scannable } = createFingerprint({ local: party(alice), remote: party(bob), iterations: 2 });
  return [
    { name: 'scanned fingerprint', weight: 40, seeds: [scannable], run: (bytes) => matchesScanned(scannable, bytes) },
  ];
}

export function allTargets(): Target[] {
  return [...sessions(), ...keys(), ...spqr(), ...groups(), ...sealedSender(), ...fingerprints()];
}
