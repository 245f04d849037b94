import { emptySessionRecord, serializeSession, type SessionRecord } from '@sotto/crypto';
import type { Aci } from '@sotto/protocol';

import { startingWith, type WriteTransaction } from '../storage/tables.js';
import type { ContentCounters, SessionRow, VaultRows } from '../vault/schema.js';
import { VaultConflict, type EngineContext } from './context.js';
import { keepRetired } from './retired-sessions.js';
import { sessionIn } from './stored-session.js';

/** A session record in memory, and the version of the row that it was read from. */
interface Held {
  readonly version: number;
  readonly registration: number;
  readonly record: SessionRecord;
  /** Ids of archived sessions; their bytes are read only when the current session does not fit. */
  readonly archivedIds: readonly string[];
  /** Archived sessions that never seal again. */
  readonly retired: readonly string[];
  readonly archiveLoaded: boolean;
  readonly counters: ContentCounters;
}

/** A registration with which nothing has been exchanged yet. */
export const NO_COUNTERS: ContentCounters = { sent: 0, received: 0, missing: [] };

const NOTHING: Held = {
  version: 0,
  registration: 0,
  record: emptySessionRecord,
  archivedIds: [],
  retired: [],
  archiveLoaded: true,
  counters: NO_COUNTERS,
};

const addressOf = (user: Aci, device: number): string => `${user}.${device}`;

/** Parsed sessions between commits. The vault stays the truth: a commit compares versions, and a mismatch empties this. */
export class SessionStore {
  readonly #cache = new Map<string, Held>();
  readonly #context: EngineContext;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Starts a unit of work whose changes become visible only through {@link SessionUnit.write}. */
  begin(): SessionUnit {
    return new SessionUnit(this.#context, this.#cache);
  }

  forget(): void {
    this.#cache.clear();
  }
}

/** 200 senders in a backlog is much; more only costs a re-read. */
const MAX_CACHED = 512;

export class SessionUnit {
  readonly #changes = new Map<string, { user: Aci; device: number; before: Held; after: Held }>();
  /**
   * What was read. A conclusion drawn from it holds only while that is still stored; and changes start from here, never
   * from the shared cache, which may be emptied or refilled in between.
   */
  readonly #read = new Map<string, { user: Aci; device: number; held: Held }>();
  readonly #context: EngineContext;
  readonly #cache: Map<string, Held>;

  constructor(context: EngineContext, cache: Map<string, Held>) {
    this.#context = context;
    this.#cache = cache;
  }

  /** The record with its current session; archived ones only with `archive`. */
  async get(
    user: Aci,
    device: number,
    archive: boolean,
  ): Promise<{ record: SessionRecord; registration: number; whole: boolean }> {
    const held = await this.#held(user, device, archive);
    return { record: held.record, registration: held.registration, whole: held.archiveLoaded };
  }

  /**
   * @param next the record after a step; a retired session in it does not become current
   * @param belongsTo the remote device's registration id that its current session belongs to
   */
  set(user: Aci, device: number, next: SessionRecord, belongsTo: number): void {
    const address = addressOf(user, device);
    const change = this.#changes.get(address);
    const before = change?.before ?? this.#read.get(address)?.held ?? NOTHING;
    const now = change?.after ?? before;
    const record = keepRetired(now.record, next, now.retired);
    const registration = record === next ? belongsTo : now.registration;
    const counters = now.registration === registration ? now.counters : NO_COUNTERS;
    const archivedIds = now.archiveLoaded ? record.archived.map((session) => session.id) : now.archivedIds;
    this.#changes.set(address, {
      user,
      device,
      before,
      after: {
        version: before.version + 1,
        registration,
        record,
        archivedIds,
        retired: now.retired.filter((id) => archivedIds.includes(id)),
        archiveLoaded: now.archiveLoaded,
        counters,
      },
    });
  }

  /** What has been exchanged with one registration of a device. */
  async counters(user: Aci, device: number, registration: number): Promise<ContentCounters> {
    const held = await this.#held(user, device, false);
    return held.registration === registration ? held.counters : NO_COUNTERS;
  }

  /** Counts on, with the registration that the record is of. */
  async count(user: Aci, device: number, counters: ContentCounters): Promise<void> {
    const { record, registration } = await this.#held(user, device, false);
    this.set(user, device, record, registration);
    const change = this.#changes.get(addressOf(user, device));
    if (change) change.after = { ...change.after, counters };
  }

  /**
   * Writes all changes, if the rows are still the ones that were read.
   *
   * @throws VaultConflict `conflict`
   */
  async write(transaction: WriteTransaction<Pick<VaultRows, 'sessions' | 'archivedSessions'>>): Promise<void> {
    await this.confirm(transaction);
    await this.put(transaction);
  }

  /** Writes all changes, in a transaction in which {@link confirm} was asked. */
  async put(transaction: WriteTransaction<Pick<VaultRows, 'sessions' | 'archivedSessions'>>): Promise<void> {
    for (const { user, device, before, after } of this.#changes.values()) {
      await transaction.put('sessions', toRow(user, device, after));
      if (!after.archiveLoaded) continue;
      for (const id of before.archivedIds) {
        if (!after.archivedIds.includes(id)) await transaction.delete('archivedSessions', [user, device, id]);
      }
      for (const session of after.record.archived) {
        const known = before.archivedIds.includes(session.id) && before.record.archived.includes(session);
        if (!known)
          await transaction.put('archivedSessions', { user, device, id: session.id, bytes: serializeSession(session) });
      }
    }
  }

  /** Whether the rows are still the ones that were read. @throws VaultConflict `conflict` */
  async confirm(transaction: WriteTransaction<Pick<VaultRows, 'sessions' | 'archivedSessions'>>): Promise<void> {
    const read = [...this.#read.values()];
    const rows = await Promise.all(read.map(({ user, device }) => transaction.get('sessions', [user, device])));
    for (const [i, { held }] of read.entries()) {
      if ((rows[i]?.version ?? 0) !== held.version) throw new VaultConflict('conflict');
    }
  }

  /** After the transaction has committed: the changes are what later units start from. */
  settle(): void {
    for (const [address, { after }] of this.#changes) {
      this.#cache.delete(address);
      this.#cache.set(address, after);
    }
    for (const address of this.#cache.keys()) {
      if (this.#cache.size <= MAX_CACHED) break;
      this.#cache.delete(address);
    }
  }

  async #held(user: Aci, device: number, archive: boolean): Promise<Held> {
    const address = addressOf(user, device);
    const change = this.#changes.get(address);
    const held = change?.after ?? this.#read.get(address)?.held ?? (await this.#fetch(user, device));
    if (!archive || held.archiveLoaded) return held;
    const archived = await this.#loadArchive(user, device, held);
    const whole: Held = { ...held, record: { ...held.record, archived }, archiveLoaded: true };
    if (change) change.after = whole;
    else this.#read.set(address, { user, device, held: whole });
    return whole;
  }

  async #fetch(user: Aci, device: number): Promise<Held> {
    const address = addressOf(user, device);
    const held = this.#cache.get(address) ?? (await this.#load(user, device));
    this.#cache.set(address, held);
    this.#read.set(address, { user, device, held });
    return held;
  }

  async #load(user: Aci, device: number): Promise<Held> {
    const row = await this.#context.vault.read(['sessions'], (transaction) =>
      transaction.get('sessions', [user, device]),
    );
    if (!row) return NOTHING;
    return {
      version: row.version,
      registration: row.registration,
      record: { current: sessionIn(row.current), archived: [] },
      archivedIds: row.archived,
      retired: row.retired,
      archiveLoaded: row.archived.length === 0,
      counters: row.counters,
    };
  }

  async #loadArchive(user: Aci, device: number, held: Held): Promise<SessionRecord['archived']> {
    const rows = await this.#context.vault.read(['archivedSessions'], (transaction) =>
      transaction.range('archivedSessions', startingWith(user, device)),
    );
    const byId = new Map(rows.map((row) => [row.id, row.bytes]));
    return held.archivedIds.flatMap((id) => sessionIn(byId.get(id)) ?? []);
  }
}

function toRow(user: Aci, device: number, held: Held): SessionRow {
  return {
    user,
    device,
    version: held.version,
    registration: held.registration,
    current: held.record.current && serializeSession(held.record.current),
    archived: held.archivedIds,
    retired: held.retired,
    counters: held.counters,
  };
}
