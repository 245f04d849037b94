import { MAX_MARKED_IDS, readMark, type ReadMarkBody } from '../content/kinds/read-mark.js';
import type { NewOutboxRow } from './rows.js';
import type { MessageRow } from './schema.js';

/** The occasion of rows that pass on to a new device what was read before, perhaps elsewhere. */
export const PASSED_ON = 'since:';

/**
 * Tells this user's other devices what has been read. A notice is this device's own: the others have none of that name.
 *
 * @param occasion tells rows of the same messages apart
 */
export function readMarkRows(
  { conversation, peer }: { readonly conversation: string; readonly peer: string },
  messages: readonly MessageRow[],
  at: number,
  occasion = '',
): NewOutboxRow[] {
  const read = messages.filter(({ body }) => body.kind === 'content').map(({ id }) => id);
  const rows: NewOutboxRow[] = [];
  for (let from = 0; from < read.length; from += MAX_MARKED_IDS) {
    const ids = read.slice(from, from + MAX_MARKED_IDS);
    const body: ReadMarkBody = { ids };
    const id = `${readMark.name}:${occasion}${ids[0] ?? ''}`;
    rows.push({ id, conversation, peer, kind: readMark.name, body, at, messageId: null });
  }
  return rows;
}
