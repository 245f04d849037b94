import * as v0_103_0 from '@signalapp/libsignal-client';
import type * as Signal from '@signalapp/libsignal-client';
import type { PreKeyBundle, ProtocolAddress } from '@sotto/crypto';
import * as v0_102_2 from 'libsignal-0.102.2';
import * as v0_72_1 from 'libsignal-0.72.1';
import * as v0_90_0 from 'libsignal-0.90.0';
import { addressKey, type Endpoint, type Wire } from './endpoint.js';
import { buffer, createStores, type OfficialStores, type SignalModule } from './official-stores.js';

/**
 * The releases that we talk to. Their types differ in what does not matter here (Buffer or Uint8Array), and in one thing that does:
 * whether functions take a local address.
 */
const RELEASES = {
  '0.103.0': { module: v0_103_0, takesLocalAddress: true },
  '0.102.2': { module: v0_102_2 as unknown as SignalModule, takesLocalAddress: true },
  '0.90.0': { module: v0_90_0 as unknown as SignalModule, takesLocalAddress: false },
  '0.72.1': { module: v0_72_1 as unknown as SignalModule, takesLocalAddress: false },
} as const;

export type Release = keyof typeof RELEASES;

type WithoutLocal<F> = F extends (
  first: infer A,
  remote: infer B,
  local: Signal.ProtocolAddress,
  ...rest: infer R
) => infer T
  ? (first: A, remote: B, ...rest: R) => T
  : never;

/** A device on the official library. */
export class OfficialEndpoint implements Endpoint {
  readonly address: ProtocolAddress;
  readonly signal: SignalModule;
  readonly identity: Signal.PrivateKey;
  readonly stores: OfficialStores;
  readonly registrationId = 202;
  readonly #takesLocalAddress: boolean;
  #nextId = 1;

  constructor(release: Release, address: ProtocolAddress) {
    const { module, takesLocalAddress } = RELEASES[release];
    this.signal = module;
    this.#takesLocalAddress = takesLocalAddress;
    this.address = address;
    this.identity = module.PrivateKey.generate();
    this.stores = createStores(module, this.identity, this.registrationId);
  }

  get identityKey(): Uint8Array {
    return this.identity.getPublicKey().serialize();
  }

  /** Bytes of the stored record; 0 when there is none. */
  recordBytes(peer: ProtocolAddress): number {
    return this.stores.sessions.records.get(addressKey(peer))?.length ?? 0;
  }

  protocolAddress({ name, deviceId }: ProtocolAddress): Signal.ProtocolAddress {
    return this.signal.ProtocolAddress.new(name, deviceId);
  }

  async publish({ kem = true }: { kem?: boolean } = {}): Promise<PreKeyBundle> {
    const { signal: S, stores, identity, registrationId } = this;
    const id = this.#nextId++;
    const [oneTime, signed, kyber] = [S.PrivateKey.generate(), S.PrivateKey.generate(), S.KEMKeyPair.generate()];
    const signature = identity.sign(buffer(signed.getPublicKey().serialize()));
    const kyberSignature = identity.sign(buffer(kyber.getPublicKey().serialize()));
    const now = Date.now();
    await stores.preKeys.savePreKey(id, S.PreKeyRecord.new(id, oneTime.getPublicKey(), oneTime));
    const signedRecord = S.SignedPreKeyRecord.new(id, now, signed.getPublicKey(), signed, signature);
    await stores.signedPreKeys.saveSignedPreKey(id, signedRecord);
    await stores.kyberPreKeys.saveKyberPreKey(id, S.KyberPreKeyRecord.new(id, now, kyber, kyberSignature));
    const kemPreKey = { id, publicKey: kyber.getPublicKey().serialize(), signature: kyberSignature };
    return {
      registrationId,
      deviceId: this.address.deviceId,
      identityKey: this.identityKey,
      signedPreKey: { id, publicKey: signed.getPublicKey().serialize(), signature },
      oneTimePreKey: { id, publicKey: oneTime.getPublicKey().serialize() },
      ...(kem ? { kemPreKey } : {}),
    };
  }

  async start(peer: ProtocolAddress, bundle: PreKeyBundle): Promise<void> {
    const { signal: S, stores } = this;
    const remote = this.protocolAddress(peer);
    const official = this.#bundle(bundle);
    if (this.#takesLocalAddress) {
      await S.processPreKeyBundle(official, remote, this.#local(), stores.sessions, stores.identities);
      return;
    }
    const process = S.processPreKeyBundle as unknown as WithoutLocal<SignalModule['processPreKeyBundle']>;
    await process(official, remote, stores.sessions, stores.identities);
  }

  #bundle({ registrationId, deviceId, identityKey, signedPreKey, kemPreKey, oneTimePreKey }: PreKeyBundle) {
    const { PreKeyBundle: Bundle, PublicKey, KEMPublicKey } = this.signal;
    const ids = [registrationId, deviceId] as const;
    const oneTime = oneTimePreKey === undefined ? null : PublicKey.deserialize(buffer(oneTimePreKey.publicKey));
    const signed = PublicKey.deserialize(buffer(signedPreKey.publicKey));
    const identity = PublicKey.deserialize(buffer(identityKey));
    const classical = [oneTimePreKey?.id ?? null, oneTime, signedPreKey.id, signed] as const;
    if (kemPreKey === undefined) {
      // Releases before 0.75 take null for the three KEM arguments.
      const create = Bundle.new as unknown as (...values: unknown[]) => Signal.PreKeyBundle;
      return create.call(Bundle, ...ids, ...classical, buffer(signedPreKey.signature), identity, null, null, null);
    }
    const kem = KEMPublicKey.deserialize(buffer(kemPreKey.publicKey));
    const signatures = [buffer(signedPreKey.signature), buffer(kemPreKey.signature)] as const;
    return Bundle.new(...ids, ...classical, signatures[0], identity, kemPreKey.id, kem, signatures[1]);
  }

  #local(): Signal.ProtocolAddress {
    return this.protocolAddress(this.address);
  }

  async send(peer: ProtocolAddress, text: string): Promise<Wire> {
    const { signal: S, stores } = this;
    const remote = this.protocolAddress(peer);
    const plaintext = Buffer.from(text);
    const encrypt = S.signalEncrypt as unknown as WithoutLocal<SignalModule['signalEncrypt']>;
    const message = this.#takesLocalAddress
      ? await S.signalEncrypt(plaintext, remote, this.#local(), stores.sessions, stores.identities)
      : await encrypt(plaintext, remote, stores.sessions, stores.identities);
    const preKeyType: number = S.CiphertextMessageType.PreKey;
    const isPreKey = message.type() === preKeyType;
    const type = isPreKey ? 'prekey' : 'whisper';
    return { type, bytes: Uint8Array.from(message.serialize()) };
  }

  async receive(peer: ProtocolAddress, { type, bytes }: Wire): Promise<string> {
    const plaintext =
      type === 'prekey' ? await this.#receivePreKey(peer, bytes) : await this.#receiveWhisper(peer, bytes);
    return Buffer.from(plaintext).toString();
  }

  async #receiveWhisper(peer: ProtocolAddress, bytes: Uint8Array): Promise<Uint8Array> {
    const { signal: S, stores } = this;
    const message = S.SignalMessage.deserialize(buffer(bytes));
    const remote = this.protocolAddress(peer);
    if (this.#takesLocalAddress) {
      return S.signalDecrypt(message, remote, this.#local(), stores.sessions, stores.identities);
    }
    const decrypt = S.signalDecrypt as unknown as WithoutLocal<SignalModule['signalDecrypt']>;
    return decrypt(message, remote, stores.sessions, stores.identities);
  }

  async #receivePreKey(peer: ProtocolAddress, bytes: Uint8Array): Promise<Uint8Array> {
    const { signal: S, stores } = this;
    const { sessions, identities, preKeys, signedPreKeys, kyberPreKeys } = stores;
    const message = S.PreKeySignalMessage.deserialize(buffer(bytes));
    const remote = this.protocolAddress(peer);
    if (this.#takesLocalAddress) {
      const local = this.#local();
      return S.signalDecryptPreKey(message, remote, local, sessions, identities, preKeys, signedPreKeys, kyberPreKeys);
    }
    const decrypt = S.signalDecryptPreKey as unknown as WithoutLocal<SignalModule['signalDecryptPreKey']>;
    return decrypt(message, remote, sessions, identities, preKeys, signedPreKeys, kyberPreKeys);
  }
}
