import {
  decryptMessage,
  decryptPreKeyMessage,
  DEFAULT_POLICY,
  deserializeSessionRecord,
  emptySessionRecord,
  encrypt,
  generateKemPreKey,
  generateKeyPair,
  generateOneTimePreKey,
  generateSignedPreKey,
  type HandshakePolicy,
  type KemPreKey,
  type LocalParty,
  type OneTimePreKey,
  type PreKeyBundle,
  type ProtocolAddress,
  readPreKeyMessage,
  serializeSessionRecord,
  type SessionRecord,
  type SignedPreKey,
  startSession,
} from '@sotto/crypto';
import { addressKey, type Endpoint, must, type Wire } from './endpoint.js';
import { systemRandom } from './random.js';

/** A device on @sotto/crypto. */
export class OurEndpoint implements Endpoint {
  readonly local: LocalParty;
  readonly #policy: HandshakePolicy;
  readonly #records = new Map<string, Uint8Array>();
  readonly #signed = new Map<number, SignedPreKey>();
  readonly #kem = new Map<number, KemPreKey>();
  readonly #oneTime = new Map<number, OneTimePreKey>();
  #nextId = 1;

  constructor(address: ProtocolAddress, policy: HandshakePolicy = DEFAULT_POLICY) {
    this.local = { identityKeyPair: generateKeyPair(systemRandom), registrationId: 101, address };
    this.#policy = policy;
  }

  get address(): ProtocolAddress {
    return this.local.address;
  }

  get identityKey(): Uint8Array {
    return this.local.identityKeyPair.publicKey;
  }

  record(peer: ProtocolAddress): SessionRecord {
    const stored = this.#records.get(addressKey(peer));
    return stored === undefined ? emptySessionRecord : deserializeSessionRecord(stored);
  }

  /** Bytes of the stored record; 0 when there is none. */
  recordBytes(peer: ProtocolAddress): number {
    return this.#records.get(addressKey(peer))?.length ?? 0;
  }

  /** Epoch of the post-quantum ratchet; 0 when the session has none. */
  pqEpoch(peer: ProtocolAddress): number {
    const pq = this.record(peer).current?.pq;
    return pq?.version === 1 ? pq.braid.epoch : 0;
  }

  async publish({ kem = true }: { kem?: boolean } = {}): Promise<PreKeyBundle> {
    const id = this.#nextId++;
    const { identityKeyPair, registrationId, address } = this.local;
    const input = { id, identityKeyPair, now: Date.now(), random: systemRandom };
    const signed = generateSignedPreKey(input);
    const kemPreKey = generateKemPreKey(input);
    const oneTime = generateOneTimePreKey(id, systemRandom);
    this.#signed.set(id, signed);
    this.#kem.set(id, kemPreKey);
    this.#oneTime.set(id, oneTime);
    return {
      registrationId,
      deviceId: address.deviceId,
      identityKey: identityKeyPair.publicKey,
      signedPreKey: { id, publicKey: signed.keyPair.publicKey, signature: signed.signature },
      oneTimePreKey: { id, publicKey: oneTime.keyPair.publicKey },
      ...(kem ? { kemPreKey: { id, publicKey: kemPreKey.keyPair.publicKey, signature: kemPreKey.signature } } : {}),
    };
  }

  async start(peer: ProtocolAddress, bundle: PreKeyBundle): Promise<void> {
    const { record } = startSession({ ...this.#common(peer), bundle, now: Date.now(), policy: this.#policy });
    this.#save(peer, record);
  }

  async send(peer: ProtocolAddress, text: string): Promise<Wire> {
    const plaintext = new TextEncoder().encode(text);
    const { record, message } = encrypt({ ...this.#common(peer), plaintext, now: Date.now() });
    this.#save(peer, record);
    return message;
  }

  async receive(peer: ProtocolAddress, { type, bytes }: Wire): Promise<string> {
    const plaintext = type === 'prekey' ? this.#receivePreKey(peer, bytes) : this.#receiveWhisper(peer, bytes);
    return new TextDecoder().decode(plaintext);
  }

  #receiveWhisper(peer: ProtocolAddress, bytes: Uint8Array): Uint8Array {
    const { record, plaintext } = decryptMessage({ ...this.#common(peer), bytes });
    this.#save(peer, record);
    return plaintext;
  }

  #receivePreKey(peer: ProtocolAddress, bytes: Uint8Array): Uint8Array {
    const { signedPreKeyId, kemPreKeyId, oneTimePreKeyId } = readPreKeyMessage(bytes);
    const preKeys = {
      signed: must(this.#signed, signedPreKeyId),
      kem: kemPreKeyId === undefined ? undefined : this.#kem.get(kemPreKeyId),
      oneTime: oneTimePreKeyId === undefined ? undefined : this.#oneTime.get(oneTimePreKeyId),
    };
    const input = { ...this.#common(peer), bytes, preKeys, policy: this.#policy };
    const { record, plaintext, used } = decryptPreKeyMessage(input);
    if (used?.oneTimePreKeyId !== undefined) this.#oneTime.delete(used.oneTimePreKeyId);
    this.#save(peer, record);
    return plaintext;
  }

  #common(peer: ProtocolAddress) {
    return { record: this.record(peer), local: this.local, remote: peer, random: systemRandom };
  }

  #save(peer: ProtocolAddress, record: SessionRecord): void {
    this.#records.set(addressKey(peer), serializeSessionRecord(record));
  }
}
