import { hasUsableSession, type PreKeyBundle } from '@sotto/crypto';
import type { Aci, DeviceId } from '@sotto/protocol';

import { resendRequest } from '../content/kinds/resend.js';
import { MAX_HLC_AHEAD_MS, nextHlc } from '../content/position.js';
import { largestHlc } from '../history/rows.js';
import { RelayError } from '../network/relay-error.js';
import { equalBytes } from '../util/bytes.js';
import type { Mutex } from '../util/mutex.js';
import type { PositionRow, SealedMessageRow, SealedPayloadRow } from '../vault/schema.js';
import { prepareAsk } from './asking.js';
import { commitSealing, type UncountedRow } from './commit-sealing.js';
import { retryConflicts, VaultConflict, type EngineContext } from './context.js';
import type { Directory } from './directory.js';
import { encryptFor } from './encrypt-for.js';
import { IdentityHeld, sendingVerdict } from './identities.js';
import type { LocalDevice } from './local-device.js';
import type { ConversationFacts } from './outbox-round.js';
import type { Outgoing } from './outgoing.js';
import type { RelayClock } from './relay-clock.js';
import type { Repairs } from './repair.js';
import type { SessionStore, SessionUnit } from './session-store.js';
import { SealedMemory, type SealedCopy } from './sealed-memory.js';
import { findTargets, isFor, nameOf, type Target, type Targets } from './targets.js';

/** A message with its bytes for every device that should get it. */
export interface Sealed {
  readonly message: SealedMessageRow;
  readonly payloads: readonly SealedPayloadRow[];
  /** Versions of the device lists that `payloads` follow, by user. */
  readonly lists: ReadonlyMap<Aci, number>;
}

/**
 * `nothing`: no device to send to (a mark for own devices that do not exist), withdrawn outbox rows, or answered already.
 * `waits`: a request that may not go out yet.
 */
export type SealOutcome = { readonly sealed: Sealed } | { readonly waitMs: number } | 'nothing';

/** Whom it goes to, with the bundles of those who have no session. */
interface Found extends Targets {
  /** By {@link nameOf}; null: the relay has none. */
  readonly bundles: ReadonlyMap<string, PreKeyBundle | null>;
}

/** What one sealing works with. */
interface Job extends Omit<Found, 'lists'> {
  readonly outgoing: Outgoing;
  readonly local: LocalDevice;
  /** A new session is started even where there is one. */
  readonly fresh: boolean;
  /** A request that {@link Repairs} counts. */
  readonly counted: boolean;
  readonly facts: ConversationFacts | undefined;
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
  readonly #repairs: Repairs;
  readonly #ratchets: Mutex;
  readonly #memory: SealedMemory;

  constructor(
    context: EngineContext,
    clock: RelayClock,
    sessions: SessionStore,
    directory: Directory,
    repairs: Repairs,
    ratchets: Mutex,
  ) {
    this.#context = context;
    this.#clock = clock;
    this.#sessions = sessions;
    this.#directory = directory;
    this.#repairs = repairs;
    this.#ratchets = ratchets;
    this.#memory = new SealedMemory(context.vault);
  }

  /**
   * Seals what is not sealed yet for the current devices of all recipients.
   *
   * @param facts as they were read with the outbox rows, if no identity has changed since; else they are read anew
   * @throws RelayError, DirectoryError, IdentityHeld, VaultConflict `superseded`
   */
  async seal(outgoing: Outgoing, local: LocalDevice, facts?: ConversationFacts): Promise<SealOutcome> {
    let known = facts;
    return retryConflicts(
      () => {
        known = undefined;
        this.forget();
      },
      async () => {
        const ask = await this.#prepare(outgoing);
        if (ask === null) return 'nothing';
        if ('waitMs' in ask) return ask;
        const found = await this.#find(ask.outgoing, local, ask.fresh);
        if (found.targets.length === 0) return 'nothing';
        const sealed = await this.#ratchets.run(() => this.#sealAll({ ...ask, ...found, local, facts: known }));
        return sealed ? { sealed: { ...sealed, lists: found.lists } } : 'nothing';
      },
    );
  }

  /** What an earlier run has sealed and not finished. */
  unfinished(): Promise<SealedCopy[]> {
    return this.#memory.all();
  }

  /** What was sealed of this is not in the vault any more. */
  dropped(id: string): void {
    this.#memory.dropped(id);
  }

  async #prepare(outgoing: Outgoing) {
    const { kind, only } = outgoing;
    // A request that is itself sent again goes the way of everything that is.
    if (kind.name !== resendRequest.name || !only || outgoing.resend) return { outgoing, fresh: false, counted: false };
    const sealed = await this.#context.vault.read(['sealedMessages'], (transaction) =>
      transaction.get('sealedMessages', [outgoing.id]),
    );
    // Allowed by an earlier life, which ended before it had left.
    if (sealed) return { outgoing, fresh: false, counted: false };
    // What is missing must not arrive between the look and the notice of it.
    return this.#ratchets.run(() =>
      prepareAsk(this.#context, this.#repairs, this.#sessions.begin(), outgoing, only, this.#clock.now()),
    );
  }

  /** Somebody else wrote in the vault. */
  forget(): void {
    this.#memory.forget();
    this.#sessions.forget();
    this.#directory.forget();
    this.#repairs.forget();
  }

  /**
   * The largest clock value of the conversation; null when the outbox rows were withdrawn, as they are when a contact's identity
   * changes. Asked after the identities were looked up, which the commit compares: what is sealed is sealed for the identity
   * that the person sees and not before they have accepted it.
   *
   * @throws IdentityHeld, VaultConflict `conflict` when the person was shown another identity than the vault's
   */
  async #largestHlc({ outgoing: { covers, conversation }, targets, facts }: Job): Promise<number | null> {
    const { history, user: self } = this.#context;
    const peer = targets.find(({ user }) => user !== self);
    if (facts && (!peer || sendingVerdict(facts.identity, peer.identityKey) === 'yes')) return facts.largest;
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

  /**
   * Whom it goes to, and what it takes. Bundles come with the list that the relay goes by: where that is a newer one, its devices
   * are the ones.
   */
  async #find(outgoing: Outgoing, local: LocalDevice, fresh: boolean): Promise<Found> {
    const bundles = new Map<string, PreKeyBundle | null>();
    const found = await findTargets(this.#context, this.#directory, outgoing, local);
    await this.#fetchBundles(outgoing, found.targets, fresh, bundles);
    for (const [user, version] of found.lists) {
      if ((await this.#directory.devices(user)).version === version) continue;
      const anew = await findTargets(this.#context, this.#directory, outgoing, local);
      await this.#fetchBundles(outgoing, anew.targets, fresh, bundles);
      return { ...anew, bundles };
    }
    return { ...found, bundles };
  }

  /** Bundles for the devices without a session, fetched before the ratchets are held: the network may take its time. */
  async #fetchBundles(
    outgoing: Outgoing,
    targets: readonly Target[],
    fresh: boolean,
    bundles: Map<string, PreKeyBundle | null>,
  ): Promise<void> {
    const unit = this.#sessions.begin();
    const wanted = new Map<Aci, DeviceId[]>();
    for (const target of targets) {
      if (bundles.has(nameOf(target)) || (!fresh && (await this.#usable(unit, target)))) continue;
      const sealed = await this.#context.vault.read(['sealedPayloads'], (transaction) =>
        transaction.get('sealedPayloads', [outgoing.id, target.user, target.device, target.registration]),
      );
      if (sealed) continue;
      bundles.set(nameOf(target), null);
      wanted.set(target.user, [...(wanted.get(target.user) ?? []), target.device]);
    }
    for (const [user, devices] of wanted) {
      // A link bundle has pinned them, and nobody has written them down yet: known before their one-time keys are spent.
      await this.#directory.note(user);
      for (const bundle of await this.#directory.bundles(user, devices)) {
        bundles.set(nameOf({ user, device: bundle.deviceId, registration: bundle.registrationId }), bundle);
      }
    }
  }

  async #usable(unit: SessionUnit, { user, device, registration, identityKey }: Target): Promise<boolean> {
    const { record, registration: made } = await unit.get(user, device, false);
    const genuine = record.current !== null && equalBytes(record.current.remoteIdentityKey, identityKey);
    return genuine && made === registration && hasUsableSession(record, this.#context.clock.now());
  }

  async #sealAll(job: Job): Promise<Pick<Sealed, 'message' | 'payloads'> | null> {
    const { outgoing, targets, fresh: isFresh, counted: isCounted } = job;
    const [largest, before] = await Promise.all([this.#largestHlc(job), this.#memory.before(outgoing)]);
    if (largest === null) return null;
    const message = before.message ?? this.#fix(outgoing, largest, before.position);
    const current = before.payloads.filter((row) => targets.some((target) => isFor(row, target)));
    const missing = targets.filter((target) => !current.some((row) => isFor(row, target)));
    const unit = this.#sessions.begin();
    const fresh: UncountedRow[] = [];
    for (const target of missing) {
      const row = await this.#encrypt(unit, job, message, target);
      if (row) fresh.push(row);
    }
    requireSomePeer(outgoing, [...current, ...fresh], this.#context.user);
    const stale = before.payloads.filter((row) => !current.includes(row));
    const isNew = before.message === undefined;
    const step = { outgoing, targets, unit, message, isNew, isFresh, isCounted, fresh, stale };
    this.#memory.sealing(message);
    const committed = await commitSealing(this.#context, this.#repairs, step);
    if (!committed) return null;
    unit.settle();
    if (isNew && !outgoing.resend) this.#memory.placed(message);
    if (committed.repaired) this.#repairs.settle([committed.repaired]);
    return { message, payloads: [...current, ...committed.counted] };
  }

  /** The position, fixed once and for all. */
  #fix({ conversation, id, covers }: Outgoing, stored: number, last: PositionRow | undefined): SealedMessageRow {
    // A clock that was ever set far ahead must not be carried on: the others would refuse everything that follows.
    const [now, latest] = [this.#clock.now(), this.#clock.latest()];
    const largest = Math.max(...[stored, last?.hlc ?? 0].filter((hlc) => hlc <= latest + MAX_HLC_AHEAD_MS), 0);
    return { id, conversation, covers, hlc: nextHlc(now, largest), envelopeId: this.#context.random(16) };
  }

  /** @returns null when the device has published no prekeys: it cannot be written to until it does */
  async #encrypt(
    unit: SessionUnit,
    { outgoing, local, bundles, fresh }: Job,
    message: SealedMessageRow,
    target: Target,
  ): Promise<UncountedRow | null> {
    const { user, device, registration } = target;
    const usable = !fresh && (await this.#usable(unit, target));
    const bundle = usable ? undefined : bundles.get(nameOf(target));
    if (bundle === null) return null;
    // There was a session when bundles were asked for: another one has come in its place meanwhile.
    if (!usable && !bundle) throw new VaultConflict('conflict');
    const ownList = (await this.#directory.devices(local.user)).version;
    const input = { outgoing, message, target, bundle, ownList };
    const { payload, counter } = await encryptFor(this.#context, local, unit, input);
    return { message: message.id, user, device, registration, payload, counter, stored: 0 };
  }
}

/**
 * A message that would reach none of the peer's devices waits: they are on the list, but their keys are not to be had.
 *
 * @throws RelayError `user-unknown`
 */
function requireSomePeer({ to, only }: Outgoing, payloads: readonly UncountedRow[], self: Aci): void {
  if (only ? payloads.length > 0 : !to.peer || payloads.some(({ user }) => user !== self)) return;
  throw new RelayError({ code: 'user-unknown', message: 'No device of the recipient has prekeys.' });
}
