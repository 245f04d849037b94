/** The stores that the official library asks for: maps of serialised records (interop recipe of the specification). */
import type * as Signal from '@signalapp/libsignal-client';
import { must } from './endpoint.js';

export type SignalModule = typeof Signal;

/** A view on the same memory, typed as the official library wants it. */
export function buffer(bytes: Uint8Array): Buffer<ArrayBuffer> {
  return Buffer.from(bytes);
}

export function createStores(S: SignalModule, identity: Signal.PrivateKey, registrationId: number) {
  const key = (address: Signal.ProtocolAddress): string => `${address.name()}.${address.deviceId()}`;

  class Sessions extends S.SessionStore {
    readonly records = new Map<string, Buffer<ArrayBuffer>>();
    async saveSession(address: Signal.ProtocolAddress, record: Signal.SessionRecord): Promise<void> {
      this.records.set(key(address), buffer(record.serialize()));
    }
    async getSession(address: Signal.ProtocolAddress): Promise<Signal.SessionRecord | null> {
      const bytes = this.records.get(key(address));
      return bytes === undefined ? null : S.SessionRecord.deserialize(bytes);
    }
    async getExistingSessions(addresses: Signal.ProtocolAddress[]): Promise<Signal.SessionRecord[]> {
      return addresses.map((address) => S.SessionRecord.deserialize(must(this.records, key(address))));
    }
  }

  class Identities extends S.IdentityKeyStore {
    readonly keys = new Map<string, Buffer<ArrayBuffer>>();
    async getIdentityKey(): Promise<Signal.PrivateKey> {
      return identity;
    }
    async getLocalRegistrationId(): Promise<number> {
      return registrationId;
    }
    async saveIdentity(address: Signal.ProtocolAddress, publicKey: Signal.PublicKey): Promise<Signal.IdentityChange> {
      const before = this.keys.get(key(address));
      const now = buffer(publicKey.serialize());
      this.keys.set(key(address), now);
      return before === undefined || before.equals(now)
        ? S.IdentityChange.NewOrUnchanged
        : S.IdentityChange.ReplacedExisting;
    }
    async isTrustedIdentity(address: Signal.ProtocolAddress, publicKey: Signal.PublicKey): Promise<boolean> {
      return this.keys.get(key(address))?.equals(buffer(publicKey.serialize())) ?? true;
    }
    async getIdentity(address: Signal.ProtocolAddress): Promise<Signal.PublicKey | null> {
      const bytes = this.keys.get(key(address));
      return bytes === undefined ? null : S.PublicKey.deserialize(bytes);
    }
  }

  class PreKeys extends S.PreKeyStore {
    readonly records = new Map<number, Buffer<ArrayBuffer>>();
    async savePreKey(id: number, record: Signal.PreKeyRecord): Promise<void> {
      this.records.set(id, buffer(record.serialize()));
    }
    async getPreKey(id: number): Promise<Signal.PreKeyRecord> {
      return S.PreKeyRecord.deserialize(must(this.records, id));
    }
    async removePreKey(id: number): Promise<void> {
      this.records.delete(id);
    }
  }

  class SignedPreKeys extends S.SignedPreKeyStore {
    readonly records = new Map<number, Buffer<ArrayBuffer>>();
    async saveSignedPreKey(id: number, record: Signal.SignedPreKeyRecord): Promise<void> {
      this.records.set(id, buffer(record.serialize()));
    }
    async getSignedPreKey(id: number): Promise<Signal.SignedPreKeyRecord> {
      return S.SignedPreKeyRecord.deserialize(must(this.records, id));
    }
  }

  class KyberPreKeys extends S.KyberPreKeyStore {
    readonly records = new Map<number, Buffer<ArrayBuffer>>();
    async saveKyberPreKey(id: number, record: Signal.KyberPreKeyRecord): Promise<void> {
      this.records.set(id, buffer(record.serialize()));
    }
    async getKyberPreKey(id: number): Promise<Signal.KyberPreKeyRecord> {
      return S.KyberPreKeyRecord.deserialize(must(this.records, id));
    }
    async markKyberPreKeyUsed(): Promise<void> {
      // Kept: messages of a handshake may arrive in any order.
    }
  }

  class SenderKeys extends S.SenderKeyStore {
    readonly records = new Map<string, Buffer<ArrayBuffer>>();
    async saveSenderKey(sender: Signal.ProtocolAddress, id: string, record: Signal.SenderKeyRecord): Promise<void> {
      this.records.set(`${key(sender)}/${id}`, buffer(record.serialize()));
    }
    async getSenderKey(sender: Signal.ProtocolAddress, id: string): Promise<Signal.SenderKeyRecord | null> {
      const bytes = this.records.get(`${key(sender)}/${id}`);
      return bytes === undefined ? null : S.SenderKeyRecord.deserialize(bytes);
    }
  }

  return {
    sessions: new Sessions(),
    identities: new Identities(),
    preKeys: new PreKeys(),
    signedPreKeys: new SignedPreKeys(),
    kyberPreKeys: new KyberPreKeys(),
    senderKeys: new SenderKeys(),
  };
}

export type OfficialStores = ReturnType<typeof createStores>;
