import type { Aci } from '@sotto/protocol';
import { fromBase64Url, toBase64Url } from '@sotto/protocol';

import { directConversationId } from '../content/content.js';
import type { IdentityMark } from '../content/kind.js';
import { verified, type VerifiedBody } from '../content/kinds/verified.js';
import { equalBytes } from '../util/bytes.js';
import type { NewOutboxRow } from './rows.js';
import type { IdentityRow } from './schema.js';

/** The person has dealt with the change. */
export function settled(row: IdentityRow): IdentityRow {
  return { ...row, changedAt: null, wasVerified: 0, held: 0 };
}

/** The person's word on this key. Later than every earlier word, also where a clock went back. */
export function marked(row: IdentityRow, isVerified: boolean, now: number): IdentityRow {
  const markedAt = Math.max(now, row.markedAt + 1);
  return isVerified ? { ...settled(row), verified: 1, markedAt } : { ...row, verified: 0, markedAt };
}

/**
 * What a mark from an own device makes of the row. It counts for the key that was compared only; of several the latest word
 * wins, in whatever order they come.
 *
 * @returns null: nothing changes
 */
export function withMark(row: IdentityRow | undefined, mark: IdentityMark): IdentityRow | null {
  const { user, at } = mark;
  const identityKey = fromBase64Url(mark.identityKey);
  if (!identityKey) return null;
  // Not met here yet: should this device be shown another key, the change stands out and sending waits.
  const known = row ?? { user, identityKey, verified: 0, markedAt: 0, changedAt: null, wasVerified: 0, held: 0 };
  if (!equalBytes(known.identityKey, identityKey) || at <= known.markedAt || (!row && !mark.verified)) return null;
  return marked(known, mark.verified, at);
}

/** A mark for this user's other devices: in the conversation that a user has with itself. */
export function markRow(
  { user, userName }: { user: Aci; userName: string },
  { user: of, identityKey, verified: isVerified, markedAt }: IdentityRow,
  nonce: Uint8Array,
): NewOutboxRow {
  const mark = { user: of, identityKey: toBase64Url(identityKey), verified: isVerified === 1, at: markedAt };
  return {
    id: `${verified.name}:${toBase64Url(nonce)}`,
    conversation: directConversationId(user, user),
    peer: userName,
    kind: verified.name,
    body: { marks: [mark] } satisfies VerifiedBody,
    at: markedAt,
    messageId: null,
  };
}
