import {
  decryptMessage,
  decryptPreKeyMessage,
  deserializeSessionRecord,
  emptySessionRecord,
  encrypt,
  generateKemPreKey,
  generateKeyPair,
  generateOneTimePreKey,
  generateSignedPreKey,
  readPreKeyMessage,
  serializeSessionRecord,
  startSession,
  type EncryptedMessage,
  type HandshakePolicy,
  type KemPreKey,
  type LocalParty,
  type OneTimePreKey,
  type PreKeyBundle,
  type PrivatePreKeys,
  type RandomBytes,
  type SessionLimits,
  type SessionRecord,
  type SignedPreKey,
} from '../../src/index.js';
import { text, utf8 } from './bytes.js';
import { seededRandom } from './random.js';

export const ALICE = '9d0652a3-dcc3-4d11-975f-74d61598733f';
export const BOB = '796abedb-ca4e-4f18-8803-1fde5b921f9f';
export const NOW = 1_790_000_000_000;

export interface PartyOptions {
  readonly name: string;
  readonly seed: number;
  readonly deviceId?: number;
  readonly identityKeyPair?: LocalParty['identityKeyPair'];
  readonly policy?: HandshakePolicy;
  readonly limits?: Partial<SessionLimits>;
}

/** A device in a test story: its keys, and the session record of the one peer it talks to. */
export class Party {
  readonly local: LocalParty;
  readonly random: RandomBytes;
  record: SessionRecord = emptySessionRecord;
  now = NOW;
  readonly #options: PartyOptions;
  readonly #signed: SignedPreKey;
  readonly #kem: KemPreKey;
  readonly #oneTime = new Map<number, OneTimePreKey>();
  #nextOneTimeId = 1;

  constructor(options: PartyOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    const identityKeyPair = options.identityKeyPair ?? generateKeyPair(this.random);
    const address = { name: options.name, deviceId: options.deviceId ?? 1 };
    this.local = { identityKeyPair, registrationId: 1000 + options.seed, address };
    const input = { identityKeyPair, now: NOW, random: this.random };
    this.#signed = generateSignedPreKey({ id: 7, ...input });
    this.#kem = generateKemPreKey({ id: 8, ...input });
  }

  bundle(options: { oneTime?: boolean; kem?: boolean } = {}): PreKeyBundle {
    const oneTime = options.oneTime === false ? undefined : this.#newOneTimePreKey();
    const { id, keyPair, signature } = this.#kem;
    return {
      registrationId: this.local.registrationId,
      deviceId: this.local.address.deviceId,
      identityKey: this.local.identityKeyPair.publicKey,
      signedPreKey: {
        id: this.#signed.id,
        publicKey: this.#signed.keyPair.publicKey,
        signature: this.#signed.signature,
      },
      ...(options.kem === false ? {} : { kemPreKey: { id, publicKey: keyPair.publicKey, signature } }),
      ...(oneTime === undefined ? {} : { oneTimePreKey: { id: oneTime.id, publicKey: oneTime.keyPair.publicKey } }),
    };
  }

  get oneTimePreKeyCount(): number {
    return this.#oneTime.size;
  }

  startSession(peer: Party, bundle: PreKeyBundle = peer.bundle()): void {
    const { record } = startSession({ ...this.#common(peer), bundle, now: this.now, ...this.#policy() });
    this.record = record;
  }

  send(peer: Party, plaintext: string): EncryptedMessage {
    const result = encrypt({ ...this.#common(peer), plaintext: utf8(plaintext), now: this.now });
    this.record = result.record;
    return result.message;
  }

  /** Decrypts and commits; throws (and changes nothing) when the message is refused. */
  receive(peer: Party, message: EncryptedMessage): string {
    return text(
      message.type === 'prekey' ? this.#receivePreKey(peer, message.bytes) : this.#receivePlain(peer, message.bytes),
    );
  }

  /** Stores and loads the record, as a restarted client does. */
  reload(): void {
    this.record = deserializeSessionRecord(serializeSessionRecord(this.record));
  }

  /** The private prekeys that a PreKey message names, as far as they are still there. */
  privatePreKeys(bytes: Uint8Array): PrivatePreKeys {
    const { oneTimePreKeyId } = readPreKeyMessage(bytes);
    const oneTime = oneTimePreKeyId === undefined ? undefined : this.#oneTime.get(oneTimePreKeyId);
    return { signed: this.#signed, kem: this.#kem, oneTime };
  }

  #receivePreKey(peer: Party, bytes: Uint8Array): Uint8Array {
    const preKeys = this.privatePreKeys(bytes);
    const result = decryptPreKeyMessage({ ...this.#common(peer), bytes, preKeys, ...this.#policy() });
    this.record = result.record;
    if (result.used?.oneTimePreKeyId !== undefined) this.#oneTime.delete(result.used.oneTimePreKeyId);
    return result.plaintext;
  }

  #receivePlain(peer: Party, bytes: Uint8Array): Uint8Array {
    const result = decryptMessage({ ...this.#common(peer), bytes });
    this.record = result.record;
    return result.plaintext;
  }

  #common(peer: Party) {
    const { limits } = this.#options;
    const base = { record: this.record, local: this.local, remote: peer.local.address, random: this.random };
    return limits === undefined ? base : { ...base, limits };
  }

  #policy(): { policy?: HandshakePolicy } {
    const { policy } = this.#options;
    return policy === undefined ? {} : { policy };
  }

  #newOneTimePreKey(): OneTimePreKey {
    const preKey = generateOneTimePreKey(this.#nextOneTimeId++, this.random);
    this.#oneTime.set(preKey.id, preKey);
    return preKey;
  }
}

export function aliceAndBob(options: Partial<PartyOptions> = {}): { alice: Party; bob: Party } {
  return {
    alice: new Party({ name: ALICE, seed: 1, ...options }),
    bob: new Party({ name: BOB, seed: 2, ...options }),
  };
}

/** Alice and Bob after a first message and its answer: no PreKey messages any more. */
export function establishedPair(options: Partial<PartyOptions> = {}): { alice: Party; bob: Party } {
  const { alice, bob } = aliceAndBob(options);
  alice.startSession(bob);
  bob.receive(alice, alice.send(bob, 'hello'));
  alice.receive(bob, bob.send(alice, 'hi'));
  return { alice, bob };
}
