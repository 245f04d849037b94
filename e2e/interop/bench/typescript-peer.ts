/**
 * `@privacyresearch/libsignal-protocol-typescript`: X3DH and Double Ratchet only, JSON records, no post-quantum part,
 * no groups.
 */
import {
  KeyHelper,
  SessionBuilder,
  SessionCipher,
  SignalProtocolAddress,
  type DeviceType,
  type KeyPairType,
  type MessageType,
  type StorageType,
} from '@privacyresearch/libsignal-protocol-typescript';
import { PLAINTEXT_LENGTH, type Sizes, type Workload } from './workload.js';

const LABEL = 'privacyresearch (TypeScript)';
const PREKEY_MESSAGE = 3;
const plaintext = new Uint8Array(PLAINTEXT_LENGTH).fill(7).buffer;

interface Device {
  readonly address: SignalProtocolAddress;
  readonly storage: StorageType;
  readonly sessions: Map<string, string>;
  readonly bundle: DeviceType;
}

async function device(name: string): Promise<Device> {
  const identity = await KeyHelper.generateIdentityKeyPair();
  const oneTime = await KeyHelper.generatePreKey(1);
  const signed = await KeyHelper.generateSignedPreKey(identity, 2);
  const sessions = new Map<string, string>();
  return {
    address: new SignalProtocolAddress(name, 1),
    storage: storage(identity, oneTime.keyPair, signed.keyPair, sessions),
    sessions,
    bundle: {
      identityKey: identity.pubKey,
      registrationId: 1,
      preKey: { keyId: 1, publicKey: oneTime.keyPair.pubKey },
      signedPreKey: { keyId: 2, publicKey: signed.keyPair.pubKey, signature: signed.signature },
    },
  };
}

function storage(
  identity: KeyPairType,
  oneTime: KeyPairType,
  signed: KeyPairType,
  sessions: Map<string, string>,
): StorageType {
  const done = () => Promise.resolve();
  return {
    getIdentityKeyPair: () => Promise.resolve(identity),
    getLocalRegistrationId: () => Promise.resolve(1),
    isTrustedIdentity: () => Promise.resolve(true),
    saveIdentity: () => Promise.resolve(false),
    loadPreKey: () => Promise.resolve(oneTime),
    storePreKey: done,
    // So that one bundle serves all new sessions.
    removePreKey: done,
    loadSignedPreKey: () => Promise.resolve(signed),
    storeSignedPreKey: done,
    removeSignedPreKey: done,
    loadSession: (address) => Promise.resolve(sessions.get(address)),
    storeSession: (address, record) => {
      sessions.set(address, record);
      return done();
    },
  };
}

async function start(from: Device, to: Device): Promise<void> {
  await new SessionBuilder(from.storage, to.address).processPreKey(to.bundle);
}

function send(from: Device, to: Device): Promise<MessageType> {
  return new SessionCipher(from.storage, to.address).encrypt(plaintext);
}

async function receive(at: Device, from: Device, { type, body = '' }: MessageType): Promise<void> {
  const cipher = new SessionCipher(at.storage, from.address);
  if (type === PREKEY_MESSAGE) await cipher.decryptPreKeyWhisperMessage(body, 'binary');
  else await cipher.decryptWhisperMessage(body, 'binary');
}

async function pair() {
  const [alice, bob] = [await device('alice'), await device('bob')];
  await start(alice, bob);
  await receive(bob, alice, await send(alice, bob));
  await receive(alice, bob, await send(bob, alice));
  await receive(bob, alice, await send(alice, bob));
  return { alice, bob };
}

export async function typescriptPeer(): Promise<{ workloads: Workload[]; sizes: () => Promise<Sizes> }> {
  const [chain, turns, fresh] = [await pair(), await pair(), await pair()];
  const workloads: Workload[] = [
    {
      label: LABEL,
      figure: 'chain',
      operations: 1,
      run: async (): Promise<void> => receive(chain.bob, chain.alice, await send(chain.alice, chain.bob)),
    },
    {
      label: LABEL,
      figure: 'ping-pong',
      operations: 2,
      run: async (): Promise<void> => {
        await receive(turns.bob, turns.alice, await send(turns.alice, turns.bob));
        await receive(turns.alice, turns.bob, await send(turns.bob, turns.alice));
      },
    },
    {
      label: LABEL,
      figure: 'new session',
      operations: 1,
      run: async (): Promise<void> => {
        const { alice, bob } = fresh;
        alice.sessions.clear();
        bob.sessions.clear();
        await start(alice, bob);
        await receive(bob, alice, await send(alice, bob));
      },
    },
  ];
  const sizes = async (): Promise<Sizes> => {
    const { body = '' } = await send(chain.alice, chain.bob);
    const records = [chain.alice, chain.bob].flatMap(({ sessions }) => [...sessions.values()]);
    return { label: LABEL, messageBytes: body.length, recordBytes: Math.max(...records.map(({ length }) => length)) };
  };
  return { workloads, sizes };
}
