import type { Cursor, CursorVerdict, Hello } from '@sotto/protocol';

import type { MailboxState } from '../store/store.js';

/**
 * Compares a client's cursor with its mailbox (protocol `socket/hello.ts`). A vault commits its cursor before it
 * acknowledges, so a relay's `acked` that the vault does not know means that the vault was rolled back; everything else
 * that does not fit means that the relay was.
 *
 *     cursor < acked, or equal with another id     vault-behind
 *     cursor > head                                mailbox-reset
 *     acked < cursor <= head, other id held there  mailbox-reset
 *     otherwise                                    ok; above acked it counts as an acknowledgement
 *
 * @param standing envelope id held at the cursor, or null: expired meanwhile, which hides nothing that is still there
 */
export function compareCursor(mailbox: MailboxState, cursor: Cursor, standing: Uint8Array | null): CursorVerdict {
  const { acked, head } = mailbox;
  if (cursor.seq < acked.seq) return 'vault-behind';
  if (cursor.seq === acked.seq) return sameId(cursor.id, acked.id) ? 'ok' : 'vault-behind';
  if (cursor.seq > head || cursor.id === null) return 'mailbox-reset';
  return standing === null || sameId(cursor.id, standing) ? 'ok' : 'mailbox-reset';
}

/**
 * What the client hears: its cursor may tell the same story as the mailbox while it has sent since the copy was made that it is
 * now. A relay that was rolled back itself has counted less, which says nothing of the vault.
 *
 * @param story of the cursor
 */
export function compareVault(mailbox: MailboxState, { sealings }: Pick<Hello, 'sealings'>, story: CursorVerdict) {
  return sealings < mailbox.sealings ? 'vault-behind' : story;
}

function sameId(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
