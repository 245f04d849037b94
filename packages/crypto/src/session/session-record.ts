/** The sessions with one remote address (handshake.md §6): one current, and archived ones, newest first. */
import { constantTimeEqual } from '../primitives/constant-time.js';
import type { PreKeyMessageInfo } from '../handshake/pre-key-message.js';
import type { SessionVersion } from '../ratchet/signal-message.js';
import { withDefaults, type SessionLimits } from './limits.js';
import type { SessionState } from './session-state.js';

export interface SessionRecord {
  readonly current: SessionState | null;
  /** Newest first. */
  readonly archived: readonly SessionState[];
}

export const emptySessionRecord: SessionRecord = Object.freeze({ current: null, archived: Object.freeze([]) });

/**
 * Moves the current session to the archive: the next message needs a new handshake, or revives an archived session.
 * The oldest archived session is dropped beyond the limit (40).
 */
export function archiveCurrentSession(record: SessionRecord, limits?: Partial<SessionLimits>): SessionRecord {
  const { current, archived } = record;
  if (current === null) return record;
  const { maxArchivedSessions } = withDefaults(limits);
  return { current: null, archived: [{ ...current, pending: null }, ...archived].slice(0, maxArchivedSessions) };
}

/** Makes `session` current, archiving the present one; when it came from the archive it leaves it. */
export function promoteSession(
  record: SessionRecord,
  session: SessionState,
  limits: SessionLimits,
  from?: SessionState,
): SessionRecord {
  const archived = from === undefined ? record.archived : record.archived.filter((other) => other !== from);
  return { ...archiveCurrentSession({ current: record.current, archived }, limits), current: session };
}

/** Looks for the session of a PreKey message: same version and base key, current first, then newest first. */
export function findSession(
  record: SessionRecord,
  version: SessionVersion,
  baseKey: Uint8Array,
): SessionState | undefined {
  const all = record.current === null ? record.archived : [record.current, ...record.archived];
  return all.find((session) => session.version === version && constantTimeEqual(session.baseKey, baseKey));
}

/** Whether a PreKey message belongs to a session of the record: then `decryptPreKeyMessage` needs no private prekeys. */
export function knowsHandshake(
  record: SessionRecord,
  message: Pick<PreKeyMessageInfo, 'version' | 'baseKey'>,
): boolean {
  return findSession(record, message.version, message.baseKey) !== undefined;
}

/** Whether an outgoing session waited for an answer too long (handshake.md §3, "Staleness"). `now` in milliseconds. */
export function isStale(session: SessionState, now: number, limits: SessionLimits): boolean {
  return session.pending !== null && session.pending.createdAt + limits.maxUnansweredSeconds < now / 1000;
}

/** Whether `encrypt` would find a session to send with. `now` in milliseconds. */
export function hasUsableSession(record: SessionRecord, now: number, limits?: Partial<SessionLimits>): boolean {
  return record.current !== null && !isStale(record.current, now, withDefaults(limits));
}
