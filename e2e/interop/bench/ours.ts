/** Our side of the benchmark; runs in Node and, bundled, in a browser. */
import {
  type Accelerator,
  createDistributionMessage,
  decryptMessage,
  decryptPreKeyMessage,
  deserializeSenderKeyRecord,
  deserializeSessionRecord,
  emptySenderKeyRecord,
  emptySessionRecord,
  encrypt,
  type EncryptedMessage,
  finishGroupMessage,
  generateKemPreKey,
  generateKeyPair,
  generateOneTimePreKey,
  generateSignedPreKey,
  groupDecrypt,
  groupEncrypt,
  groupSignatureOf,
  type LocalParty,
  Precomputed,
  precomputeMessage,
  precomputePreKeyMessage,
  precomputeStart,
  type PreKeyBundle,
  prepareGroupMessage,
  processDistributionMessage,
  serializeSenderKeyRecord,
  serializeSessionRecord,
  SignatureVerdict,
  startSession,
  webCryptoAccelerator,
  webCryptoEd25519,
} from '@sotto/crypto';
import { PLAINTEXT_LENGTH, type Sizes, type Workload } from './workload.js';

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
const now = Date.now();
const plaintext = random(PLAINTEXT_LENGTH);

/** Sums up only the time between its calls: what the synchronous core takes when slow steps were computed ahead. */
class Stopwatch {
  #milliseconds = 0;
  time<T>(action: () => T): T {
    const started = performance.now();
    const result = action();
    this.#milliseconds += performance.now() - started;
    return result;
  }
  take(): number {
    const taken = this.#milliseconds;
    this.#milliseconds = 0;
    return taken;
  }
}

class Device {
  readonly local: LocalParty;
  readonly preKeys;
  readonly #accelerator: Accelerator | null;
  readonly #core: Stopwatch;
  stored = serializeSessionRecord(emptySessionRecord);

  constructor(name: string, accelerator: Accelerator | null, core: Stopwatch) {
    this.#accelerator = accelerator;
    this.#core = core;
    const identityKeyPair = generateKeyPair(random);
    this.local = { identityKeyPair, registrationId: 1, address: { name, deviceId: 1 } };
    const input = { identityKeyPair, now, random };
    this.preKeys = {
      signed: generateSignedPreKey({ id: 1, ...input }),
      kem: generateKemPreKey({ id: 2, ...input }),
      oneTime: generateOneTimePreKey(3, random),
    };
  }

  bundle(): PreKeyBundle {
    const { signed, kem, oneTime } = this.preKeys;
    return {
      registrationId: 1,
      deviceId: 1,
      identityKey: this.local.identityKeyPair.publicKey,
      signedPreKey: { id: signed.id, publicKey: signed.keyPair.publicKey, signature: signed.signature },
      kemPreKey: { id: kem.id, publicKey: kem.keyPair.publicKey, signature: kem.signature },
      oneTimePreKey: { id: oneTime.id, publicKey: oneTime.keyPair.publicKey },
    };
  }

  forget(): void {
    this.stored = serializeSessionRecord(emptySessionRecord);
  }

  async start(peer: Device): Promise<void> {
    const bundle = peer.bundle();
    const { local } = this;
    const precomputed = await this.#ahead((accelerator) => precomputeStart({ local, bundle }, accelerator));
    this.#core.time(() => {
      const { record } = startSession({ ...this.#common(peer), bundle, now, precomputed });
      this.stored = serializeSessionRecord(record);
    });
  }

  send(peer: Device): EncryptedMessage {
    return this.#core.time(() => {
      const { record, message } = encrypt({ ...this.#common(peer), plaintext, now });
      this.stored = serializeSessionRecord(record);
      return message;
    });
  }

  async receive(peer: Device, { type, bytes }: EncryptedMessage): Promise<void> {
    const { local, preKeys } = this;
    const common = this.#core.time(() => this.#common(peer));
    const { record } = common;
    const precomputed = await this.#ahead((accelerator) =>
      type === 'prekey'
        ? precomputePreKeyMessage({ record, local, bytes, preKeys }, accelerator)
        : precomputeMessage({ record, bytes }, accelerator),
    );
    this.#core.time(() => {
      const result =
        type === 'prekey'
          ? decryptPreKeyMessage({ ...common, bytes, preKeys, precomputed })
          : decryptMessage({ ...common, bytes, precomputed });
      this.stored = serializeSessionRecord(result.record);
    });
  }

  #ahead(compute: (accelerator: Accelerator) => Promise<Precomputed>): Promise<Precomputed> | Precomputed {
    return this.#accelerator === null ? Precomputed.none : compute(this.#accelerator);
  }

  #common(peer: Device) {
    return { record: deserializeSessionRecord(this.stored), local: this.local, remote: peer.local.address, random };
  }
}

async function pair(accelerator: Accelerator | null) {
  const core = new Stopwatch();
  const alice = new Device('9d0652a3-dcc3-4d11-975f-74d61598733f', accelerator, core);
  const bob = new Device('796abedb-ca4e-4f18-8803-1fde5b921f9f', accelerator, core);
  await alice.start(bob);
  await bob.receive(alice, alice.send(bob));
  await alice.receive(bob, bob.send(alice));
  return { alice, bob, core };
}

async function sessionWorkloads(suffix: string, accelerator: Accelerator | null, coreOnly: boolean) {
  const { alice, bob, core } = await pair(accelerator);
  const label = `Sotto${suffix}`;
  const counted = async (action: () => Promise<void>): Promise<number> => {
    core.take();
    const started = performance.now();
    await action();
    return coreOnly ? core.take() : performance.now() - started;
  };
  const fresh = await pair(accelerator);
  const pingPong = () =>
    counted(async () => {
      await bob.receive(alice, alice.send(bob));
      await alice.receive(bob, bob.send(alice));
    });
  const newSession = async () => {
    fresh.core.take();
    const started = performance.now();
    fresh.alice.forget();
    fresh.bob.forget();
    await fresh.alice.start(fresh.bob);
    await fresh.bob.receive(fresh.alice, fresh.alice.send(fresh.bob));
    return coreOnly ? fresh.core.take() : performance.now() - started;
  };
  const workloads: Workload[] = [
    { label, figure: 'ping-pong', operations: 2, run: pingPong },
    { label, figure: 'new session', operations: 1, run: newSession },
  ];
  return workloads;
}

async function chainWorkload(): Promise<{ workload: Workload; sizes: () => Sizes }> {
  const { alice, bob } = await pair(null);
  let message = alice.send(bob);
  await bob.receive(alice, message);
  const run = async (): Promise<void> => {
    message = alice.send(bob);
    await bob.receive(alice, message);
  };
  const sizes = () => ({
    label: 'Sotto',
    messageBytes: message.bytes.length,
    recordBytes: Math.max(alice.stored.length, bob.stored.length),
  });
  return { workload: { label: 'Sotto', figure: 'chain', operations: 1, run }, sizes };
}

const GROUP = 'd1d1d1d1-7000-11eb-b32a-33b8a8a487a6';

function groupStores() {
  const { record, message } = createDistributionMessage({
    record: emptySenderKeyRecord,
    distributionId: GROUP,
    random,
  });
  const theirs = processDistributionMessage({ record: emptySenderKeyRecord, message }).record;
  return { sender: serializeSenderKeyRecord(record), receiver: serializeSenderKeyRecord(theirs) };
}

function groupWorkload(): Workload {
  const stores = groupStores();
  const run = async (): Promise<void> => {
    const record = deserializeSenderKeyRecord(stores.sender);
    const sent = groupEncrypt({ record, distributionId: GROUP, plaintext, random });
    stores.sender = serializeSenderKeyRecord(sent.record);
    const opened = groupDecrypt({ record: deserializeSenderKeyRecord(stores.receiver), message: sent.message });
    stores.receiver = serializeSenderKeyRecord(opened.record);
  };
  return { label: 'Sotto, pure JavaScript', figure: 'group', operations: 1, run };
}

async function webCryptoGroupWorkload(): Promise<Workload[]> {
  const ed25519 = await webCryptoEd25519();
  if (ed25519 === null) return [];
  const stores = groupStores();
  const run = async (): Promise<void> => {
    const record = deserializeSenderKeyRecord(stores.sender);
    const prepared = prepareGroupMessage({ record, distributionId: GROUP, plaintext });
    if (prepared.signing.ed25519 === null) throw new Error('a signing key of ours has its Ed25519 origin');
    const sent = finishGroupMessage(prepared, await ed25519.sign(prepared.signing.ed25519, prepared.unsigned));
    stores.sender = serializeSenderKeyRecord(sent.record);
    const theirs = deserializeSenderKeyRecord(stores.receiver);
    const { publicKey, message, signature } = groupSignatureOf(theirs, sent.message);
    const verdict = await SignatureVerdict.with(publicKey, message, signature, ed25519.verify);
    const opened = groupDecrypt({ record: theirs, message: sent.message, verdicts: [verdict] });
    stores.receiver = serializeSenderKeyRecord(opened.record);
  };
  return [{ label: 'Sotto, WebCrypto', figure: 'group', operations: 1, run }];
}

/** All of ours: with DH precomputed (the core's time alone), with WebCrypto's time included, and without WebCrypto. */
export async function ours(): Promise<{ workloads: Workload[]; sizes: () => Sizes }> {
  const accelerator = await webCryptoAccelerator();
  const { workload, sizes } = await chainWorkload();
  const accelerated =
    accelerator === null
      ? []
      : [
          ...(await sessionWorkloads(', precomputed', accelerator, true)),
          ...(await sessionWorkloads(', WebCrypto', accelerator, false)),
        ];
  const pure = await sessionWorkloads(', pure JavaScript', null, false);
  return {
    workloads: [workload, ...accelerated, ...pure, ...(await webCryptoGroupWorkload()), groupWorkload()],
    sizes,
  };
}
