/** `@signalapp/libsignal-client`: native code, the reference. */
import * as S from '@signalapp/libsignal-client';
import { buffer, createStores } from '../src/official-stores.js';
import { PLAINTEXT_LENGTH, type Sizes, type Workload } from './workload.js';

const plaintext = buffer(new Uint8Array(PLAINTEXT_LENGTH).fill(7));
const PREKEY_MESSAGE: number = S.CiphertextMessageType.PreKey;
const LABEL = 'libsignal (native)';
const GROUP = 'd1d1d1d1-7000-11eb-b32a-33b8a8a487a6';

function device(name: string) {
  const identity = S.PrivateKey.generate();
  const address = S.ProtocolAddress.new(name, 1);
  return { identity, address, name, stores: createStores(S, identity, 1) };
}

type Device = ReturnType<typeof device>;

async function bundleOf({ identity, stores }: Device): Promise<S.PreKeyBundle> {
  const [oneTime, signed, kem] = [S.PrivateKey.generate(), S.PrivateKey.generate(), S.KEMKeyPair.generate()];
  const sign = (key: { serialize: () => Uint8Array }) => identity.sign(buffer(key.serialize()));
  const [signedSignature, kemSignature] = [sign(signed.getPublicKey()), sign(kem.getPublicKey())];
  await stores.preKeys.savePreKey(1, S.PreKeyRecord.new(1, oneTime.getPublicKey(), oneTime));
  const signedRecord = S.SignedPreKeyRecord.new(2, Date.now(), signed.getPublicKey(), signed, signedSignature);
  await stores.signedPreKeys.saveSignedPreKey(2, signedRecord);
  await stores.kyberPreKeys.saveKyberPreKey(3, S.KyberPreKeyRecord.new(3, Date.now(), kem, kemSignature));
  return S.PreKeyBundle.new(
    1, 1, 1, oneTime.getPublicKey(), 2, signed.getPublicKey(), signedSignature,
    identity.getPublicKey(), 3, kem.getPublicKey(), kemSignature,
  ); // prettier-ignore
}

function start(from: Device, to: Device, bundle: S.PreKeyBundle): Promise<void> {
  return S.processPreKeyBundle(bundle, to.address, from.address, from.stores.sessions, from.stores.identities);
}

function send(from: Device, to: Device): Promise<S.CiphertextMessage> {
  return S.signalEncrypt(plaintext, to.address, from.address, from.stores.sessions, from.stores.identities);
}

async function receive(at: Device, from: Device, message: S.CiphertextMessage): Promise<void> {
  const { sessions, identities, preKeys, signedPreKeys, kyberPreKeys } = at.stores;
  const bytes = buffer(message.serialize());
  if (message.type() === PREKEY_MESSAGE) {
    const parsed = S.PreKeySignalMessage.deserialize(bytes);
    await S.signalDecryptPreKey(
      parsed, from.address, at.address, sessions, identities, preKeys, signedPreKeys, kyberPreKeys,
    ); // prettier-ignore
  } else {
    await S.signalDecrypt(S.SignalMessage.deserialize(bytes), from.address, at.address, sessions, identities);
  }
}

async function pair() {
  const alice = device('9d0652a3-dcc3-4d11-975f-74d61598733f');
  const bob = device('796abedb-ca4e-4f18-8803-1fde5b921f9f');
  const bundle = await bundleOf(bob);
  // So that one bundle serves all new sessions.
  bob.stores.preKeys.removePreKey = () => Promise.resolve();
  await start(alice, bob, bundle);
  await receive(bob, alice, await send(alice, bob));
  await receive(alice, bob, await send(bob, alice));
  await receive(bob, alice, await send(alice, bob));
  return { alice, bob, bundle };
}

async function groupWorkload(): Promise<Workload> {
  const { alice, bob } = await pair();
  const invitation = await S.SenderKeyDistributionMessage.create(alice.address, GROUP, alice.stores.senderKeys);
  await S.processSenderKeyDistributionMessage(alice.address, invitation, bob.stores.senderKeys);
  const run = async (): Promise<void> => {
    const sent = await S.groupEncrypt(alice.address, GROUP, alice.stores.senderKeys, plaintext);
    await S.groupDecrypt(alice.address, bob.stores.senderKeys, buffer(sent.serialize()));
  };
  return { label: LABEL, figure: 'group', operations: 1, run };
}

export async function official(): Promise<{ workloads: Workload[]; sizes: () => Promise<Sizes> }> {
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
        alice.stores.sessions.records.clear();
        bob.stores.sessions.records.clear();
        await start(alice, bob, fresh.bundle);
        await receive(bob, alice, await send(alice, bob));
      },
    },
    await groupWorkload(),
  ];
  const sizes = async (): Promise<Sizes> => {
    const message = await send(chain.alice, chain.bob);
    const records = [chain.alice, chain.bob].flatMap(({ stores }) => [...stores.sessions.records.values()]);
    return {
      label: LABEL,
      messageBytes: message.serialize().length,
      recordBytes: Math.max(...records.map(({ length }) => length)),
    };
  };
  return { workloads, sizes };
}
