import { type Cursor, type Deliver, type Envelope, type Welcome } from '@sotto/protocol';

import { Breath } from '../util/breath.js';
import type { Mutex } from '../util/mutex.js';
import type { SentRow, VaultRows } from '../vault/schema.js';
import { HISTORY_SCHEMA } from '../history/schema.js';
import { remembering } from '../storage/remembering.js';
import type { WriteTransaction } from '../storage/tables.js';
import { answerable, envelopeName, requestIn } from './answering.js';
import { applyAll, type Facts } from './apply.js';
import { enqueueAsk } from './asking.js';
import { commitVault, retryConflicts, VaultConflict, type EngineContext } from './context.js';
import type { Directory } from './directory.js';
import { IDENTITY_TABLES, noteIdentity } from './identities.js';
import type { LocalDevice } from './local-device.js';
import { IdentityChange, openEnvelope, UsedKeys, type Opened } from './open.js';
import type { RelayClock } from './relay-clock.js';
import type { Repairs } from './repair.js';
import { countOn } from './sealings.js';
import { healedBy, settleAnswers } from './settle-answers.js';
import type { SessionStore, SessionUnit } from './session-store.js';

/** The relay sent something that its own contract rules out: the socket is closed and opened again. */
export class DeliveryViolation extends Error {
  override readonly name = 'DeliveryViolation';
}

/** What a batch has brought. */
export interface Received {
  readonly ack: Cursor | null;
  readonly staleLists: readonly StaleList[];
  /** Something was readable: requests that wait for that may go. */
  readonly sound: boolean;
}

/** A sender has named a newer device list than the one we know. */
export interface StaleList {
  readonly user: Envelope['user'];
  readonly version: number;
}

const TABLES = [
  'sessions',
  'archivedSessions',
  'preKeys',
  'acceptedHandshakes',
  'peers',
  'undecryptable',
  'repairs',
] as const;

/** Devices that are asked what they sent while it expired here. */
const MAX_ASKED_AFTER_EXPIRY = 200;

/** What an opened envelope may change in history. */
const TOUCHED = [...IDENTITY_TABLES, 'waitingEffects', 'devices', 'profiles', 'applied'] as const;

/** Sealed bytes kept for a later repair. */
const MAX_UNDECRYPTABLE = 1_000;

/**
 * Receives: decrypt -> one history transaction -> one vault transaction with sessions and cursor -> acknowledge. A crash
 * between any two of these repeats the rest and doubles nothing.
 */
export class Inbox {
  #cursor: Cursor = { seq: 0, id: null };
  /** What stands in history already and may come again, as an earlier try or life got that far. */
  #applied: ReadonlySet<string> = new Set();
  readonly #context: EngineContext;
  readonly #clock: RelayClock;
  readonly #sessions: SessionStore;
  readonly #directory: Directory;
  readonly #repairs: Repairs;
  readonly #ratchets: Mutex;

  /** @param ratchets held while sessions step, so that sending and receiving do not conflict with each other */
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
  }

  async load(): Promise<Cursor> {
    const row = await this.#context.vault.read(['meta'], (transaction) => transaction.get('meta', ['cursor']));
    this.#cursor = row?.name === 'cursor' ? { seq: row.seq, id: row.id } : { seq: 0, id: null };
    const applied = await this.#context.history.read(['applied'], (transaction) =>
      transaction.get('applied', ['last']),
    );
    this.#applied = new Set(applied?.envelopes);
    return this.#cursor;
  }

  get cursor(): Cursor {
    return this.#cursor;
  }

  /** Continues from where the relay says, after one of the two was rolled back. */
  async restartFrom({ acked, sealings }: Pick<Welcome, 'acked' | 'sealings'>): Promise<void> {
    await commitVault(this.#context, [], async (transaction) => {
      await countOn(transaction, sealings);
      await transaction.put('meta', { name: 'cursor', ...acked });
    });
    this.#cursor = acked;
  }

  /**
   * Stores one batch.
   *
   * @returns what to acknowledge, and the senders whose device list is newer than the one we know
   * @throws DeliveryViolation, StorageError, VaultConflict `superseded`
   */
  receive(deliver: Deliver, local: LocalDevice): Promise<Received> {
    return this.#ratchets.run(async () => {
      await this.noteExpired(deliver.first);
      const opened: Opened[] = [];
      for (let rest = this.#inOrder(deliver); rest.length > 0;) {
        const done = await this.#storeSome(rest, local);
        opened.push(...done);
        rest = rest.slice(done.length);
      }
      const sound = opened.some(({ kind }) => kind === 'content');
      return { ack: this.#cursor, staleLists: await this.#staleLists(opened), sound };
    });
  }

  /** Stores all, or all before a change of identity, which is told and pinned before what follows is opened. */
  #storeSome(envelopes: readonly Envelope[], local: LocalDevice): Promise<Opened[]> {
    return retryConflicts(
      () => this.#reload(),
      async () => {
        const { opened, change } = await this.#store(envelopes, local);
        if (change) await this.#directory.pin(change.user, change.identityKey);
        return opened;
      },
    );
  }

  #reload(): void {
    this.#sessions.forget();
    this.#directory.forget();
    this.#repairs.forget();
  }

  /** Drops what is known already and insists on the mailbox's order: never skip an envelope on `seq` alone. */
  #inOrder(deliver: Deliver): Envelope[] {
    const fresh = deliver.envelopes.filter(({ seq }) => seq > this.#cursor.seq);
    let expected = Math.max(this.#cursor.seq + 1, deliver.first);
    for (const { seq } of fresh) {
      if (seq !== expected) throw new DeliveryViolation(`expected seq ${expected}, got ${seq}`);
      expected++;
    }
    return fresh;
  }

  async #store(
    envelopes: readonly Envelope[],
    local: LocalDevice,
  ): Promise<{ opened: Opened[]; change: IdentityChange | null }> {
    const unit = this.#sessions.begin();
    const used = new UsedKeys(async (user) => (await this.#directory.peer(user))?.identityKey);
    const now = this.#clock.now();
    const { opened: all, change } = await this.#open(envelopes, local, unit, used, this.#clock.latest());
    const opened = await this.#withoutRepeats(all);
    const left = await settleAnswers(unit, opened);
    const facts: Facts = { left, answers: await this.#answers(opened) };
    const repairs = await this.#repairs.after(opened);
    const last = envelopes[opened.length - 1];
    if (!last) return { opened, change };
    const applied = this.#appliedWith(envelopes, opened);
    if (opened.some(({ kind }) => kind === 'failed')) await this.#confirm(unit);
    await this.#context.history.write(TOUCHED, async (transaction) => {
      for (const [user, key] of used.firstSeen)
        await noteIdentity(transaction, this.#context, user, key, undefined, now);
      await applyAll(remembering(transaction, HISTORY_SCHEMA), this.#context, opened, facts, now);
      await transaction.put('applied', { name: 'last', envelopes: [...applied] });
    });
    this.#applied = applied;
    await commitVault(this.#context, TABLES, async (transaction) => {
      await this.#checkCursor(transaction);
      await unit.write(transaction);
      await writeUsedKeys(transaction, used);
      await keepSealed(transaction, opened);
      for (const row of repairs) await transaction.put('repairs', row);
      await transaction.put('meta', { name: 'cursor', seq: last.seq, id: last.id });
    });
    unit.settle();
    this.#repairs.settle(repairs);
    this.#cursor = { seq: last.seq, id: last.id };
    return { opened, change };
  }

  /** An unreadable envelope that was read before, or is known already, also from before it healed, is a repeat. */
  async #withoutRepeats(opened: readonly Opened[]): Promise<Opened[]> {
    if (!opened.some(({ kind }) => kind === 'failed')) return [...opened];
    return this.#context.vault.read(['undecryptable'], async (transaction) => {
      const seen = new Set<string>();
      const fresh: Opened[] = [];
      for (const one of opened) {
        const id = addressOf(one.envelope);
        const repeated =
          one.kind === 'failed' &&
          (this.#applied.has(id) || seen.has(id) || (await transaction.get('undecryptable', [id])) !== undefined);
        seen.add(id);
        fresh.push(repeated ? { kind: 'duplicate', envelope: one.envelope } : one);
      }
      return fresh;
    });
  }

  /** What history holds of these envelopes once the opened ones are applied. */
  #appliedWith(envelopes: readonly Envelope[], opened: readonly Opened[]): ReadonlySet<string> {
    const before = envelopes.map(addressOf).filter((id) => this.#applied.has(id));
    const now = opened.flatMap((one) => (one.kind === 'content' ? [addressOf(one.envelope)] : []));
    return new Set([...before, ...now]);
  }

  /** What the history transaction must know and cannot read: it has no access to the vault. */
  async #answers(opened: readonly Opened[]): Promise<Facts['answers']> {
    const answers = new Map<Opened, readonly SentRow[]>();
    for (const one of opened) {
      const request = requestIn(one);
      const peer = request && (await this.#directory.peer(one.envelope.user));
      const identityKey = peer?.identityKey ?? null;
      if (request && identityKey) answers.set(one, await answerable(this.#context, one.envelope, identityKey, request));
    }
    return answers;
  }

  /**
   * What lies below `first` and was not seen has expired at the relay. Everybody who wrote before is asked what that was.
   *
   * @param first the lowest seq that the relay still holds
   */
  async noteExpired(first: number): Promise<void> {
    const upTo = first - 1;
    if (upTo <= this.#cursor.seq) return;
    const row = await this.#context.vault.read(['meta'], (transaction) => transaction.get('meta', ['expired']));
    if (row?.name === 'expired' && upTo <= row.upTo) return;
    const sessions = await this.#context.vault.read(['sessions'], (transaction) => transaction.range('sessions'));
    const heard = sessions.filter(({ counters }) => counters.received > 0).slice(0, MAX_ASKED_AFTER_EXPIRY);
    const now = this.#clock.now();
    await this.#context.history.write(['outbox', 'conversations', 'notices'], async (transaction) => {
      for (const { user, device, registration, counters } of heard) {
        const only = {
          user,
          device: device as Envelope['device'],
          registration: registration as Envelope['registration'],
        };
        const body = { envelopes: [], counters: [], after: counters.received };
        await enqueueAsk(transaction, this.#context, only, `after ${upTo}`, body, now);
      }
      await transaction.put('notices', { code: 'expired', at: now });
    });
    await commitVault(this.#context, [], (transaction) => transaction.put('meta', { name: 'expired', upTo }));
  }

  /** Opens in order; stops before a change of identity. */
  async #open(
    envelopes: readonly Envelope[],
    local: LocalDevice,
    unit: SessionUnit,
    used: UsedKeys,
    now: number,
  ): Promise<{ opened: Opened[]; change: IdentityChange | null }> {
    const opened: Opened[] = [];
    const breath = new Breath();
    for (const envelope of envelopes) {
      await breath.pause();
      try {
        opened.push(await openEnvelope(this.#context, local, unit, used, envelope, now));
      } catch (error) {
        if (!(error instanceof IdentityChange)) throw error;
        return { opened, change: error };
      }
    }
    return { opened, change: null };
  }

  /** A failed decryption is believed only when the ground it failed on is the ground that is stored. */
  async #confirm(unit: SessionUnit): Promise<void> {
    await commitVault(this.#context, ['sessions', 'archivedSessions'], async (transaction) => {
      await this.#checkCursor(transaction);
      await unit.confirm(transaction);
    });
  }

  async #checkCursor(transaction: WriteTransaction<Pick<VaultRows, 'meta'>>): Promise<void> {
    const row = await transaction.get('meta', ['cursor']);
    if ((row?.name === 'cursor' ? row.seq : 0) !== this.#cursor.seq) throw new VaultConflict('superseded');
  }

  async #staleLists(opened: readonly Opened[]): Promise<StaleList[]> {
    const newest = new Map<Envelope['user'], number>();
    for (const one of opened) {
      if (one.kind !== 'content') continue;
      newest.set(one.envelope.user, Math.max(newest.get(one.envelope.user) ?? 0, one.content.lists.from));
    }
    const stale: StaleList[] = [];
    for (const [user, version] of newest) {
      const peer = await this.#directory.peer(user);
      if ((peer?.list?.version ?? 0) < version) stale.push({ user, version });
    }
    return stale;
  }
}

/** First identities are pinned with the first session; if one was pinned meanwhile, the batch is opened again under it. */
async function writeUsedKeys(
  transaction: WriteTransaction<Pick<VaultRows, 'preKeys' | 'acceptedHandshakes' | 'peers'>>,
  used: UsedKeys,
): Promise<void> {
  for (const { kind, id } of used.preKeys) await transaction.delete('preKeys', [kind, id]);
  for (const row of used.handshakes) await transaction.put('acceptedHandshakes', row);
  for (const [user, identityKey] of used.firstSeen) {
    if (await transaction.get('peers', [user])) throw new VaultConflict('conflict');
    await transaction.put('peers', { user, identityKey, list: null });
  }
}

const addressOf = ({ user, device, ...envelope }: Pick<Envelope, 'user' | 'device' | 'id'>): string =>
  `${user}.${device}.${envelopeName(envelope)}`;

/** Keeps the sealed bytes of what failed; drops those of what has come again or was said not to matter. */
async function keepSealed(
  transaction: WriteTransaction<Pick<VaultRows, 'undecryptable'>>,
  opened: readonly Opened[],
): Promise<void> {
  let more = false;
  for (const one of opened) {
    const { user, device, at, payload } = one.envelope;
    if (one.kind === 'failed') {
      const id = addressOf(one.envelope);
      await transaction.put('undecryptable', { id, user, device, at, cause: one.cause, payload, healed: 0 });
      more = true;
    }
    for (const name of healedBy(one)) {
      const row = await transaction.get('undecryptable', [`${user}.${device}.${name}`]);
      if (row) await transaction.put('undecryptable', { ...row, payload: new Uint8Array(), healed: 1 });
    }
  }
  if (more) await dropOldest(transaction);
}

async function dropOldest(transaction: WriteTransaction<Pick<VaultRows, 'undecryptable'>>): Promise<void> {
  const excess = (await transaction.count('undecryptable')) - MAX_UNDECRYPTABLE;
  if (excess <= 0) return;
  for (const row of await transaction.range('undecryptable', { index: 'at', limit: excess })) {
    await transaction.delete('undecryptable', [row.id]);
  }
}
