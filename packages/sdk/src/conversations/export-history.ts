import type { Aci } from '@sotto/protocol';

import type { ConversationRow, MessageRow } from '../history/schema.js';
import type { Front } from './front.js';
import { messageKey, toMessage } from './to-message.js';

/** Rows read in one transaction, and the least that one piece of the stream holds. */
const PAGE = 500;

export const EXPORT_FORMAT = 'sotto-export';
export const EXPORT_VERSION = 1;

/**
 * The history as one JSON document, in pieces: at no time more than a page of it is in memory. What arrives meanwhile may or may
 * not be in it.
 */
export async function* exportHistory(front: Front): AsyncGenerator<string, void> {
  const head = {
    format: EXPORT_FORMAT,
    version: EXPORT_VERSION,
    app: front.app,
    user: front.userName,
    name: await nameOf(front, front.user),
    exportedAt: new Date(front.clock.now()).toISOString(),
  };
  yield `${JSON.stringify(head).slice(0, -1)},"conversations":[`;
  let comma = '';
  for await (const row of conversations(front)) {
    const name = await nameOf(front, row.peerAci);
    yield `${comma}\n{"id":${JSON.stringify(row.id)},"user":${JSON.stringify(row.peer)},"name":${JSON.stringify(name)},"messages":[`;
    yield* messages(front, row);
    yield ']}';
    comma = ',';
  }
  yield ']}\n';
}

/** What a user calls themselves. */
async function nameOf(front: Front, user: Aci): Promise<string | null> {
  return (await front.read(['profiles'], (transaction) => transaction.get('profiles', [user])))?.name ?? null;
}

async function* conversations(front: Front): AsyncGenerator<ConversationRow, void> {
  for (let after = ''; ;) {
    const rows = await front.read(['conversations'], (transaction) =>
      transaction.range('conversations', { lower: [after], lowerOpen: true, limit: PAGE }),
    );
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    after = last.id;
  }
}

async function* messages(front: Front, { id, peer }: ConversationRow): AsyncGenerator<string, void> {
  let lower: [string, ...(string | number)[]] = [id];
  // Rows at the edge of a page may share their position: the next page begins with them again.
  let atEdge = new Set<string>();
  let comma = '';
  for (;;) {
    const rows = await front.read(['messages'], (transaction) =>
      transaction.range('messages', { index: 'position', lower, upper: [id, []], limit: PAGE }),
    );
    const fresh = rows.filter((row) => !atEdge.has(messageKey(row)));
    const last = rows.at(-1);
    if (fresh.length === 0 || !last) return;
    yield `${comma}\n${fresh.map((row) => JSON.stringify(exported(row, front, peer ?? ''))).join(',\n')}`;
    comma = ',';
    if (rows.length < PAGE) return;
    lower = [id, last.hlc, last.id];
    atEdge = new Set(rows.filter((row) => row.hlc === last.hlc && row.id === last.id).map(messageKey));
  }
}

/** What a person sees of a message, its place in the conversation, and, where it came from another device, the content as it came. */
function exported(row: MessageRow, front: Front, peer: string): object {
  const { unread, ...message } = toMessage(row, front, peer);
  const content = row.body.kind === 'content' ? row.body.raw : null;
  return {
    ...message,
    at: new Date(row.at).toISOString(),
    position: row.hlc,
    ...(unread && { unread }),
    ...(content !== null && { content }),
  };
}
