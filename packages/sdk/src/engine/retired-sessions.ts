import { archiveCurrentSession, emptySessionRecord, serializeSession, type SessionRecord } from '@sotto/crypto';

import type { WriteTransaction } from '../storage/tables.js';
import type { VaultRows } from '../vault/schema.js';
import { SESSION_LIMITS } from './session-limits.js';
import { sessionIn } from './stored-session.js';

/**
 * Retires all sessions of a vault that has turned out to be an older copy. What this profile sealed after the copy was made has
 * used their sending chains, so they never seal again. They still open what peers have under way for them. Sessions that begin
 * later, whoever begins them, have keys that the copy cannot have held, and serve as any other.
 */
export async function retireSessions(
  transaction: WriteTransaction<Pick<VaultRows, 'sessions' | 'archivedSessions'>>,
): Promise<void> {
  for (const row of await transaction.range('sessions')) {
    const { user, device } = row;
    const current = sessionIn(row.current);
    for (const session of archiveCurrentSession({ ...emptySessionRecord, current }).archived)
      await transaction.put('archivedSessions', { user, device, id: session.id, bytes: serializeSession(session) });
    const archived = [...(current ? [current.id] : []), ...row.archived];
    await transaction.put('sessions', { ...row, version: row.version + 1, current: null, archived, retired: archived });
  }
}

/** A session becomes current when it opens something, and then seals: a retired one goes back to the archive instead. */
export function keepRetired(before: SessionRecord, after: SessionRecord, retired: readonly string[]): SessionRecord {
  const { current } = after;
  if (!current || !retired.includes(current.id)) return after;
  const others = after.archived.filter(({ id }) => id !== before.current?.id);
  const { archived } = archiveCurrentSession({ current, archived: others }, SESSION_LIMITS);
  return { current: before.current, archived };
}
