import { type Cursor, type Deliver, type Envelope, type Welcome } from '@sotto/protocol';

import { Breath } from '../util/breath.js';
import type { Mutex } from '../util/mutex.js';
import type { MetaRow, SentRow, VaultRows } from '../vault/schema.js';
import { HISTORY_SCHEMA } from '../history/schema.js';
import { remembering } from '../storage/remembering.js';
import type { WriteTransaction } from '../storage/tables.js';
import { answerable, requestIn } from './answering.js';
import { applyAll, type Facts } from './apply.js';
import { commitVault, retryConflicts, VaultConflict, type EngineContext } from './context.js';
import type { Directory } from './directory.js';
import { noteExpired } from './expired.js';
import { IDENTITY_TABLES, noteIdentity } from './identities.js';
import type { LocalDevice } from './local-device.js';
import { IdentityChange, openEnvelope, UsedKeys, type Opened } from './open.js';
import type { RelayClock } from './relay-clock.js';
import type { Repairs } from './repair.js';
import { countOn } from './sealings.js';
import { settleAnswers } from './settle-answers.js';
import type { SessionStore, SessionUnit } from './session-store.js';
import { addressOf, keepSealed, withoutRepeats } from './undecryptable.js';

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

/** What an opened envelope may change in history. */
const TOUCHED = [...IDENTITY_TABLES, 'waitingEffects', 'unknown', 'notices', 'devices', 'profiles', 'applied'] as const;

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
    this.#cursor = cursorIn(row);
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
    const opened = await withoutRepeats(this.#context.vault, this.#applied, all);
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

  /** @param first the lowest seq that the relay still holds */
  noteExpired(first: number): Promise<void> {
    return noteExpired(this.#context, this.#clock, this.#cursor, first);
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
    if (cursorIn(row).seq !== this.#cursor.seq) throw new VaultConflict('superseded');
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

/** A damaged one is none: to the relay this is a device that was restored from a copy, and it says where to go on. */
function cursorIn(row: MetaRow | undefined): Cursor {
  const isSound =
    row?.name === 'cursor' &&
    Number.isSafeInteger(row.seq) &&
    (row.id === null || (row.id as unknown) instanceof Uint8Array);
  return isSound ? { seq: row.seq, id: row.id } : { seq: 0, id: null };
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
