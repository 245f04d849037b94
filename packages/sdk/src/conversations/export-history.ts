import { toBase64Url, type Aci } from '@sotto/protocol';

import { directConversationId } from '../content/content.js';
import { NOTICES } from '../history/notice.js';
import type { ConversationRow, DeviceRow, HistoryRows, IdentityRow, MessageRow } from '../history/schema.js';
import type { Front } from './front.js';
import { messageKey, toMessage } from './to-message.js';

/** Rows read in one transaction, and the least that one piece of the stream holds. */
const PAGE = 500;

export const EXPORT_FORMAT = 'sotto-export';
export const EXPORT_VERSION = 2;

/**
 * Everything that this device has stored, but for keys, as one JSON document in pieces: at no time more than a page of it is in
 * memory. What arrives meanwhile may or may not be in it.
 */
export async function* exportHistory(front: Front): AsyncGenerator<string, void> {
  yield `${JSON.stringify(await head(front)).slice(0, -1)},"contacts":[`;
  yield* joined(contacts(front), (contact) => [JSON.stringify(contact)]);
  yield '],"conversations":[';
  yield* joined(
    rowsOf(front, 'conversations', ({ id }) => id),
    async function* (row) {
      const name = await nameOf(front, row.peerAci);
      yield `{"id":${JSON.stringify(row.id)},"user":${JSON.stringify(row.peer)},"name":${JSON.stringify(name)},"messages":[`;
      yield* messages(front, row);
      yield ']}';
    },
  );
  yield ']}\n';
}

/** What concerns this user and this device as a whole: of each as much as there can be, which is little. */
function head(front: Front): Promise<object> {
  const { app, user, userName, clock } = front;
  return front.read(['profiles', 'identities', 'settings', 'notices', 'devices'], async (transaction) => ({
    format: EXPORT_FORMAT,
    version: EXPORT_VERSION,
    app,
    user: userName,
    name: (await transaction.get('profiles', [user]))?.name ?? null,
    exportedAt: timeOf(clock.now()),
    identityKey: keyOf(await transaction.get('identities', [user])),
    presence: (await transaction.get('settings', ['presence']))?.value ?? 'visible',
    notices: (await transaction.range('notices')).map(({ code, at }) => ({
      code,
      at: timeOf(at),
      text: NOTICES[code],
    })),
    devices: (await transaction.range('devices')).filter(({ listed }) => listed === 1).map(exportedDevice),
  }));
}

function exportedDevice({ device, registration, name, current, createdAt, lastSeenAt, expiresAt }: DeviceRow): object {
  return {
    id: `${device}.${registration}`,
    name,
    current: current === 1,
    createdAt: timeOf(createdAt),
    lastActivity: timeOf(lastSeenAt),
    expiresAt: timeOf(expiresAt),
  };
}

/** Everybody whose identity is known here, then those of whom only the name is. */
async function* contacts(front: Front): AsyncGenerator<object, void> {
  for await (const row of rowsOf(front, 'identities', ({ user }) => user))
    if (row.user !== front.user) yield await contact(front, row.user, row);
  for await (const { user } of rowsOf(front, 'profiles', (row) => row.user)) {
    const identity = await front.read(['identities'], (transaction) => transaction.get('identities', [user]));
    if (!identity && user !== front.user) yield await contact(front, user, undefined);
  }
}

function contact(front: Front, user: Aci, identity: IdentityRow | undefined): Promise<object> {
  return front.read(['conversations', 'profiles', 'lastSeen'], async (transaction) => ({
    aci: user,
    user: (await transaction.get('conversations', [directConversationId(front.user, user)]))?.peer ?? null,
    name: (await transaction.get('profiles', [user]))?.name ?? null,
    lastSeen: timeOf((await transaction.get('lastSeen', [user]))?.at),
    identityKey: keyOf(identity),
    verified: identity?.verified === 1,
    markedAt: timeOf(identity?.markedAt === 0 ? null : identity?.markedAt),
    changedAt: timeOf(identity?.changedAt),
    held: identity?.held === 1,
  }));
}

const keyOf = (row: IdentityRow | undefined): string | null => (row ? toBase64Url(row.identityKey) : null);

const timeOf = (at: number | null | undefined): string | null =>
  typeof at === 'number' ? new Date(at).toISOString() : null;

/** What a user calls themselves. */
async function nameOf(front: Front, user: Aci): Promise<string | null> {
  return (await front.read(['profiles'], (transaction) => transaction.get('profiles', [user])))?.name ?? null;
}

/** The elements of a JSON array, each in pieces. */
async function* joined<V>(
  values: AsyncIterable<V>,
  pieces: (value: V) => Iterable<string> | AsyncIterable<string>,
): AsyncGenerator<string, void> {
  let comma = '\n';
  for await (const value of values) {
    yield comma;
    yield* pieces(value);
    comma = ',\n';
  }
}

/** All rows of a table whose key is one word, page by page. */
async function* rowsOf<T extends 'conversations' | 'identities' | 'profiles'>(
  front: Front,
  table: T,
  keyOf: (row: HistoryRows[T]) => string,
): AsyncGenerator<HistoryRows[T], void> {
  for (let after = ''; ;) {
    const rows = await front.read([table], (transaction) =>
      transaction.range(table, { lower: [after], lowerOpen: true, limit: PAGE }),
    );
    yield* rows;
    const last = rows.at(-1);
    if (!last || rows.length < PAGE) return;
    after = keyOf(last);
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

/**
 * What a person sees of a message, its place in the conversation, and, where it came from another device, the content as it came.
 */
function exported(row: MessageRow, front: Front, peer: string): object {
  const { unread, ...message } = toMessage(row, front, peer);
  const content = row.body.kind === 'content' ? row.body.raw : null;
  return {
    ...message,
    at: new Date(row.at).toISOString(),
    position: row.hlc,
    ...(unread && { unread }),
    ...(content !== null && { content }),
    ...(Object.keys(row.notes).length > 0 && { notes: row.notes }),
  };
}
