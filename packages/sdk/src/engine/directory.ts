import { verify, type PreKeyBundle as SessionBundle } from '@sotto/crypto';
import {
  decodeDeviceList,
  deviceListMessage,
  preKeyMessage,
  type Aci,
  type DeviceId,
  type DeviceListRecord,
  type PreKeyBundle,
  type SignedDeviceList,
} from '@sotto/protocol';

import type { RelayApi } from '../network/relay-api.js';
import { startingWith } from '../storage/tables.js';
import { equalBytes } from '../util/bytes.js';
import type { PeerRow } from '../vault/schema.js';
import { commitVault, type EngineContext } from './context.js';
import type { LocalDevice } from './local-device.js';
import { NO_COUNTERS } from './session-store.js';

/** The relay served something that does not bear the right signature: nothing is encrypted to it. */
export class DirectoryError extends Error {
  override readonly name = 'DirectoryError';

  constructor(
    readonly code: 'forged-device-list' | 'forged-bundle' | 'old-device-list',
    options?: ErrorOptions,
  ) {
    super(code, options);
  }
}

export interface DeviceList {
  readonly identityKey: Uint8Array;
  readonly version: number;
  readonly devices: DeviceListRecord['devices'];
}

/** What people are to see. */
export interface DirectoryNotes {
  /** An identity, before it is pinned. @param before the identity pinned so far */
  readonly identity: (user: Aci, identityKey: Uint8Array, before: Uint8Array | undefined) => Promise<void>;
  /** The relay has served an older list of somebody's devices than they use. */
  readonly hiddenList: () => void;
}

/**
 * Who has which devices, and with which identity: what the relay says, believed only as far as signatures go. The first
 * identity seen of a user is pinned, a different one is pinned instead; the notes are told of either before.
 */
export class Directory {
  /** Rows as the vault has them: only this engine writes them, and every commit that relies on one compares it there. */
  readonly #known = new Map<Aci, PeerRow>();
  readonly #context: EngineContext;
  readonly #api: RelayApi;
  readonly #local: () => LocalDevice;
  readonly #notes: DirectoryNotes;

  constructor(context: EngineContext, api: RelayApi, local: () => LocalDevice, notes: DirectoryNotes) {
    this.#context = context;
    this.#api = api;
    this.#local = local;
    this.#notes = notes;
  }

  async peer(user: Aci): Promise<PeerRow | undefined> {
    const known = this.#known.get(user);
    if (known) return known;
    const row = await this.#context.vault.read(['peers'], (transaction) => transaction.get('peers', [user]));
    if (row) this.#known.set(user, row);
    return row;
  }

  /** Somebody else wrote what is known of users: the inbox pins with its own commit. */
  forget(): void {
    this.#known.clear();
  }

  /** Writes the pinned identity of a user down once more. */
  async note(user: Aci): Promise<void> {
    const peer = await this.peer(user);
    if (peer) await this.#notes.identity(user, peer.identityKey, peer.identityKey);
  }

  /** The known list; asks the relay only when there is none. */
  async devices(user: Aci): Promise<DeviceList> {
    const peer = await this.peer(user);
    const record = peer?.list && decodeDeviceList(peer.list.record);
    if (peer && record) return { identityKey: peer.identityKey, version: record.version, devices: record.devices };
    return this.refresh(user);
  }

  /**
   * Asks the relay.
   *
   * @param atLeast a version that the user has named inside a ciphertext: an older one is a list that the relay hides from us
   * @throws RelayError `user-unknown` and others; DirectoryError when the answer is forged or older than what we know
   */
  refresh(user: Aci, atLeast = 0): Promise<DeviceList> {
    return this.#context.underWay.track(this.#refresh(user, atLeast));
  }

  async #refresh(user: Aci, atLeast: number): Promise<DeviceList> {
    const asked = await this.#listVersion(user);
    const answer = await this.#api.getDeviceList(this.#local(), user);
    const list = await this.#accept(user, answer.identityKey, answer.list, asked);
    if (list.version < atLeast) throw this.#hidden();
    return list;
  }

  /**
   * Prekey bundles, each verified: by the identity key (inside the session builder) and by the device's own signing key.
   *
   * @throws RelayError, DirectoryError
   */
  async bundles(user: Aci, devices: readonly DeviceId[]): Promise<SessionBundle[]> {
    const asked = await this.#listVersion(user);
    const answer = await this.#api.bundles(this.#local(), user, [...devices]);
    const list = await this.#accept(user, answer.identityKey, answer.list, asked);
    return answer.bundles.flatMap((bundle) => {
      const entry = list.devices.find(
        ({ device, registration }) => device === bundle.device && registration === bundle.registration,
      );
      // The device went away between list and bundle: the submit will say so.
      if (!entry || !devices.includes(bundle.device)) return [];
      if (!signedByDevice(user, bundle, entry.signingKey)) throw new DirectoryError('forged-bundle');
      return [toSessionBundle(bundle, list.identityKey)];
    });
  }

  /**
   * Pins the identity that a verified session or list has shown. This user's own identity is what the vault says, never what
   * the relay does.
   *
   * @throws DirectoryError `forged-device-list`
   */
  async pin(user: Aci, identityKey: Uint8Array): Promise<void> {
    if (user === this.#context.user) {
      const own = this.#local().party.identityKeyPair.publicKey;
      if (!equalBytes(own, identityKey)) throw new DirectoryError('forged-device-list');
    }
    const known = await this.peer(user);
    if (known && equalBytes(known.identityKey, identityKey)) return;
    await this.#notes.identity(user, identityKey, known?.identityKey);
    await this.#store({ user, identityKey, list: null });
  }

  #hidden(): DirectoryError {
    this.#notes.hiddenList();
    return new DirectoryError('old-device-list');
  }

  async #listVersion(user: Aci): Promise<number> {
    return (await this.peer(user))?.list?.version ?? 0;
  }

  /** @param asked the version that was known when the relay was asked */
  async #accept(user: Aci, identityKey: Uint8Array, signed: SignedDeviceList, asked: number): Promise<DeviceList> {
    const record = decodeDeviceList(signed.record);
    const genuine =
      record?.app === this.#context.app &&
      record.user === user &&
      verify(identityKey, deviceListMessage(signed.record), signed.signature);
    if (!genuine) throw new DirectoryError('forged-device-list');
    await this.pin(user, identityKey);
    const known = await this.peer(user);
    if (known?.list && record.version < known.list.version) {
      if (record.version < asked) throw this.#hidden();
      // Two answers have crossed, and the newer one came first.
      return this.devices(user);
    }
    // After the relay was restored, the same number may stand for another list: the one that it goes by now counts.
    if (record.version !== known?.list?.version || !equalBytes(signed.record, known.list.record)) {
      const list = { version: record.version, record: signed.record };
      await this.#store({ user, identityKey, list });
    }
    return { identityKey, version: record.version, devices: record.devices };
  }

  /** Stores what is known of a user; under a new identity, neither its old sessions nor what they sealed is used again. */
  async #store(peer: PeerRow): Promise<void> {
    const tables = ['peers', 'sessions', 'archivedSessions', 'sealedPayloads'] as const;
    await commitVault(this.#context, tables, async (transaction) => {
      const before = await transaction.get('peers', [peer.user]);
      if (before && !equalBytes(before.identityKey, peer.identityKey)) {
        for (const row of await transaction.range('sealedPayloads')) {
          if (row.user === peer.user)
            await transaction.delete('sealedPayloads', [row.message, row.user, row.device, row.registration]);
        }
        for (const row of await transaction.range('sessions', startingWith(peer.user))) {
          // The row stays, with a new version: a unit of work that holds the old one must fail.
          await transaction.put('sessions', {
            ...row,
            version: row.version + 1,
            current: null,
            archived: [],
            retired: [],
            registration: 0,
            counters: NO_COUNTERS,
          });
        }
        for (const row of await transaction.range('archivedSessions', startingWith(peer.user))) {
          await transaction.delete('archivedSessions', [row.user, row.device, row.id]);
        }
      }
      await transaction.put('peers', peer);
    });
    this.#known.set(peer.user, peer);
  }
}

function signedByDevice(user: Aci, bundle: PreKeyBundle, signingKey: Uint8Array): boolean {
  const { device, registration } = bundle;
  const signed = {
    kind: 'signed' as const,
    user,
    device,
    registration,
    id: bundle.signedPreKey.id,
    key: bundle.signedPreKey.key,
  };
  const kem = { kind: 'kem' as const, user, device, registration, id: bundle.kemPreKey.id, key: bundle.kemPreKey.key };
  return (
    verify(signingKey, preKeyMessage(signed), bundle.signedPreKey.deviceSignature) &&
    verify(signingKey, preKeyMessage(kem), bundle.kemPreKey.deviceSignature)
  );
}

function toSessionBundle(bundle: PreKeyBundle, identityKey: Uint8Array): SessionBundle {
  const { signedPreKey, kemPreKey, oneTimePreKey } = bundle;
  return {
    registrationId: bundle.registration,
    deviceId: bundle.device,
    identityKey,
    signedPreKey: { id: signedPreKey.id, publicKey: signedPreKey.key, signature: signedPreKey.signature },
    kemPreKey: { id: kemPreKey.id, publicKey: kemPreKey.key, signature: kemPreKey.signature },
    ...(oneTimePreKey && { oneTimePreKey: { id: oneTimePreKey.id, publicKey: oneTimePreKey.key } }),
  };
}
