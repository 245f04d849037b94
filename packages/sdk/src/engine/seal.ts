import { CryptoError, encrypt, hasUsableSession, startSession, type PreKeyBundle } from '@sotto/crypto';
import type { Aci, DeviceId, RegistrationId } from '@sotto/protocol';

import { encodeContent } from '../content/codec.js';
import { aciOf, type Content } from '../content/content.js';
import { MAX_HLC_AHEAD_MS, nextHlc } from '../content/position.js';
import { largestHlc } from '../history/rows.js';
import { RelayError } from '../network/relay-error.js';
import { startingWith } from '../storage/tables.js';
import { equalBytes } from '../util/bytes.js';
import type { Mutex } from '../util/mutex.js';
import type { CounterRow, SealedMessageRow, SealedPayloadRow } from '../vault/schema.js';
import { commitVault, retryConflicts, VaultConflict, type EngineContext } from './context.js';
import { DirectoryError, type DeviceList, type Directory } from './directory.js';
import { IdentityHeld, sendingVerdict } from './identities.js';
import type { LocalDevice } from './local-device.js';
import type { Outgoing } from './outgoing.js';
import { toPayload } from './payload.js';
import type { RelayClock } from './relay-clock.js';
import type { SessionStore, SessionUnit } from './session-store.js';

/** A message with its bytes for every device that should get it. */
export interface Sealed {
  readonly message: SealedMessageRow;
  readonly payloads: readonly SealedPayloadRow[];
  /** Versions of the device lists that `payloads` follow, by user. */
  readonly lists: ReadonlyMap<Aci, number>;
}

interface Target {
  readonly user: Aci;
  readonly name: string;
  readonly list: number;
  readonly device: DeviceId;
  readonly registration: RegistrationId;
  /** The identity key that the list was believed under: what is sealed for it is for nobody else. */
  readonly identityKey: Uint8Array;
}

/**
 * Encrypts once: session step and sealed bytes are committed together, under (message id, device, registration id), so
 * that every later try sends the same bytes and never steps a ratchet again.
 */
export class Sealer {
  readonly #context: EngineContext;
  readonly #clock: RelayClock;
  readonly #sessions: SessionStore;
  readonly #directory: Directory;
  readonly #ratchets: Mutex;

  constructor(
    context: EngineContext,
    clock: RelayClock,
    sessions: SessionStore,
    directory: Directory,
    ratchets: Mutex,
  ) {
    this.#context = context;
    this.#clock = clock;
    this.#sessions = sessions;
    this.#directory = directory;
    this.#ratchets = ratchets;
  }

  /**
   * Seals what is not sealed yet for the current devices of all recipients.
   *
   * @returns null when there is nothing to do: no device to send to (a mark for own devices that do not exist), or the outbox
   *   rows were withdrawn
   * @throws RelayError, DirectoryError, IdentityHeld, VaultConflict `superseded`
   */
  async seal(outgoing: Outgoing, local: LocalDevice): Promise<Sealed | null> {
    return retryConflicts(
      () => this.#reload(),
      async () => {
        const { targets, lists } = await this.#targets(outgoing, local);
        if (targets.length === 0) return null;
        const bundles = await this.#fetchBundles(outgoing, targets);
        const sealed = await this.#ratchets.run(() => this.#sealAll(outgoing, local, targets, bundles));
        return sealed && { ...sealed, lists };
      },
    );
  }

  #reload(): void {
    this.#sessions.forget();
    this.#directory.forget();
  }

  /**
   * The largest clock value of the conversation; null when the outbox rows were withdrawn, as they are when a contact's identity
   * changes. Asked after the identities were looked up, which the commit compares: what is sealed is sealed for the identity
   * that the person sees and not before they have accepted it.
   *
   * @throws IdentityHeld, VaultConflict `conflict` when the person was shown another identity than the vault's
   */
  async #largestHlc({ covers, conversation }: Outgoing, targets: readonly Target[]): Promise<number | null> {
    const { history, user: self } = this.#context;
    const peer = targets.find(({ user }) => user !== self);
    const tables = ['outbox', 'messages', 'identities'] as const;
    const { verdict, largest, rows } = await history.read(tables, async (transaction) => {
      const [identity, largest, ...rows] = await Promise.all([
        peer && transaction.get('identities', [peer.user]),
        largestHlc(transaction, conversation, false),
        ...covers.map((id) => transaction.get('outbox', [id])),
      ]);
      return { verdict: peer ? sendingVerdict(identity, peer.identityKey) : 'yes', largest, rows };
    });
    if (peer && verdict === 'held') throw new IdentityHeld(peer.user);
    if (peer && verdict === 'not-noted') {
      await this.#directory.note(peer.user);
      throw new VaultConflict('conflict');
    }
    return rows.some((row) => row !== undefined) ? largest : null;
  }

  /** What is sealed of this already, and the conversation's counter. */
  #sealedBefore({ id, conversation }: Outgoing) {
    const tables = ['sealedMessages', 'sealedPayloads', 'counters'] as const;
    return this.#context.vault.read(tables, async (transaction) => {
      const [message, payloads, counter] = await Promise.all([
        transaction.get('sealedMessages', [id]),
        transaction.range('sealedPayloads', startingWith(id)),
        transaction.get('counters', [conversation]),
      ]);
      return { message, payloads, counter };
    });
  }

  /** What an earlier run has sealed and not finished. */
  unfinished(): Promise<{ message: SealedMessageRow; payloads: SealedPayloadRow[] }[]> {
    return this.#context.vault.read(['sealedMessages', 'sealedPayloads'], async (transaction) => {
      const found = [];
      for (const message of await transaction.range('sealedMessages')) {
        found.push({ message, payloads: await transaction.range('sealedPayloads', startingWith(message.id)) });
      }
      return found;
    });
  }

  async #targets({ to, peer }: Outgoing, local: LocalDevice): Promise<{ targets: Target[]; lists: Map<Aci, number> }> {
    const targets: Target[] = [];
    const lists = new Map<Aci, number>();
    const add = (user: Aci, name: string, list: DeviceList): void => {
      lists.set(user, list.version);
      for (const { device, registration } of list.devices) {
        const self = user === local.user && device === local.device;
        if (!self)
          targets.push({ user, name, list: list.version, device, registration, identityKey: list.identityKey });
      }
    };
    if (to.peer) {
      const user = aciOf(this.#context.app, peer);
      add(user, peer, await this.#directory.devices(user));
    }
    if (to.ownDevices) add(local.user, local.userName, await this.#directory.devices(local.user));
    return { targets, lists };
  }

  /** Bundles for the devices without a session, fetched before the ratchets are held: the network may take its time. */
  async #fetchBundles(outgoing: Outgoing, targets: readonly Target[]): Promise<Map<string, PreKeyBundle>> {
    const unit = this.#sessions.begin();
    const wanted = new Map<Aci, DeviceId[]>();
    for (const target of targets) {
      if (await this.#usable(unit, target)) continue;
      const sealed = await this.#context.vault.read(['sealedPayloads'], (transaction) =>
        transaction.get('sealedPayloads', [outgoing.id, target.user, target.device, target.registration]),
      );
      if (sealed) continue;
      wanted.set(target.user, [...(wanted.get(target.user) ?? []), target.device]);
    }
    const bundles = new Map<string, PreKeyBundle>();
    for (const [user, devices] of wanted) {
      for (const bundle of await this.#directory.bundles(user, devices)) {
        bundles.set(`${user}.${bundle.deviceId}.${bundle.registrationId}`, bundle);
      }
    }
    return bundles;
  }

  async #usable(unit: SessionUnit, { user, device, registration, identityKey }: Target): Promise<boolean> {
    const { record, registration: made } = await unit.get(user, device, false);
    const genuine = record.current !== null && equalBytes(record.current.remoteIdentityKey, identityKey);
    return genuine && made === registration && hasUsableSession(record, this.#context.clock.now());
  }

  async #sealAll(
    outgoing: Outgoing,
    local: LocalDevice,
    targets: readonly Target[],
    bundles: ReadonlyMap<string, PreKeyBundle>,
  ): Promise<Pick<Sealed, 'message' | 'payloads'> | null> {
    const [largest, before] = await Promise.all([this.#largestHlc(outgoing, targets), this.#sealedBefore(outgoing)]);
    if (largest === null) return null;
    const message = before.message ?? this.#fix(outgoing, largest, before.counter);
    const current = before.payloads.filter((row) => targets.some((target) => isFor(row, target)));
    const missing = targets.filter((target) => !current.some((row) => isFor(row, target)));
    const unit = this.#sessions.begin();
    const fresh: SealedPayloadRow[] = [];
    for (const target of missing) {
      const payload = await this.#encrypt(unit, outgoing, message, local, target, bundles);
      if (payload)
        fresh.push({
          message: message.id,
          user: target.user,
          device: target.device,
          registration: target.registration,
          payload,
          stored: 0,
        });
    }
    requireSomePeer(outgoing, [...current, ...fresh], this.#context.user);
    await commitVault(
      this.#context,
      ['peers', 'sessions', 'archivedSessions', 'sealedMessages', 'sealedPayloads', 'counters'],
      async (transaction) => {
        const pinned = await Promise.all(targets.map(({ user }) => transaction.get('peers', [user])));
        for (const [i, { identityKey }] of targets.entries()) {
          const peer = pinned[i];
          if (!peer || !equalBytes(peer.identityKey, identityKey)) throw new VaultConflict('conflict');
        }
        await unit.write(transaction);
        if (!before.message) {
          await transaction.add('sealedMessages', message);
          await transaction.put('counters', {
            conversation: message.conversation,
            counter: message.counter,
            hlc: message.hlc,
          });
        }
        for (const row of fresh) await transaction.add('sealedPayloads', row);
        for (const row of before.payloads) {
          if (!current.includes(row))
            await transaction.delete('sealedPayloads', [row.message, row.user, row.device, row.registration]);
        }
      },
    );
    unit.settle();
    return { message, payloads: [...current, ...fresh] };
  }

  /** Position and counter, fixed once and for all. */
  #fix({ conversation, id, covers }: Outgoing, stored: number, last: CounterRow | undefined): SealedMessageRow {
    // A clock that was ever set far ahead must not be carried on: the others would refuse everything that follows.
    const now = this.#clock.now();
    const largest = Math.max(...[stored, last?.hlc ?? 0].filter((hlc) => hlc <= now + MAX_HLC_AHEAD_MS), 0);
    const hlc = nextHlc(now, largest);
    return { id, conversation, covers, hlc, counter: (last?.counter ?? 0) + 1, envelopeId: this.#context.random(16) };
  }

  /** @returns null when the device has published no prekeys: it cannot be written to until it does */
  async #encrypt(
    unit: SessionUnit,
    outgoing: Outgoing,
    message: SealedMessageRow,
    local: LocalDevice,
    target: Target,
    bundles: ReadonlyMap<string, PreKeyBundle>,
  ): Promise<Uint8Array | null> {
    const { random, clock } = this.#context;
    const remote = { name: target.user, deviceId: target.device };
    const now = clock.now();
    let { record } = await unit.get(target.user, target.device, false);
    if (!(await this.#usable(unit, target))) {
      const bundle = bundles.get(`${target.user}.${target.device}.${target.registration}`);
      if (!bundle) return null;
      const whole = await unit.get(target.user, target.device, true);
      record = startVerified(
        () => startSession({ record: whole.record, local: local.party, remote, bundle, now, random }).record,
      );
    }
    const encoded = encodeContent(await this.#content(outgoing, message, local, target));
    if (!encoded) throw new RangeError('a content that the front let through does not fit');
    const sealed = encrypt({ record, local: local.party, remote, plaintext: encoded.plaintext, now, random });
    unit.set(target.user, target.device, sealed.record, target.registration);
    return toPayload(sealed.message);
  }

  async #content(outgoing: Outgoing, message: SealedMessageRow, local: LocalDevice, target: Target): Promise<Content> {
    const own = await this.#directory.devices(local.user);
    const fallback = outgoing.kind.fallback?.(outgoing.body);
    return {
      v: 1,
      app: this.#context.app,
      from: { user: local.userName, device: local.device, registration: local.registration },
      to: { user: target.name, device: target.device, registration: target.registration },
      conversation: outgoing.conversation,
      id: message.id,
      hlc: message.hlc,
      counter: message.counter,
      kind: outgoing.kind.name,
      at: outgoing.at,
      lists: { from: own.version, to: target.list },
      ...(target.user === local.user && { peer: outgoing.peer }),
      ...(fallback !== undefined && { fallback }),
      body: outgoing.body,
    };
  }
}

/** The identity key did not sign what the relay served, or signed what is no key: nothing can be encrypted to it. */
function startVerified<V>(start: () => V): V {
  try {
    return start();
  } catch (error) {
    if (error instanceof CryptoError) throw new DirectoryError('forged-bundle', { cause: error });
    throw error;
  }
}

/**
 * A message that would reach none of the peer's devices waits: they are on the list, but their keys are not to be had.
 *
 * @throws RelayError `user-unknown`
 */
function requireSomePeer({ to }: Outgoing, payloads: readonly SealedPayloadRow[], self: Aci): void {
  if (!to.peer || payloads.some(({ user }) => user !== self)) return;
  throw new RelayError({ code: 'user-unknown', message: 'No device of the recipient has prekeys.' });
}

function isFor(row: SealedPayloadRow, target: Target): boolean {
  return row.user === target.user && row.device === target.device && row.registration === target.registration;
}
