import { toBase64Url, type Envelope } from '@sotto/protocol';

import type { Kinds } from '../content/kind.js';
import {
  MAX_ASKED,
  resendAnswer,
  resendRequest,
  type ResendAnswerBody,
  type ResendRequestBody,
} from '../content/kinds/resend.js';
import { enqueue, type NewOutboxRow } from '../history/rows.js';
import { THIS_DEVICE, type DeviceRef, type HistoryRows } from '../history/schema.js';
import type { WriteTransaction } from '../storage/tables.js';
import { equalBytes } from '../util/bytes.js';
import type { SentRow } from '../vault/schema.js';
import type { EngineContext } from './context.js';
import type { Opened } from './open.js';

export type OpenedContent = Extract<Opened, { kind: 'content' }>;

/** Whether this content asks for something to be sent again. */
export function requestIn(opened: Opened): ResendRequestBody | null {
  if (opened.kind !== 'content' || opened.parsed === 'unknown') return null;
  return opened.parsed.kind.name === resendRequest.name ? (opened.parsed.body as ResendRequestBody) : null;
}

/**
 * What of a request may be answered: what this device has sealed to that very registration, under the identity that it has
 * now, and has not answered before.
 *
 * @param identityKey what the user's identity is pinned to
 */
export async function answerable(
  context: EngineContext,
  { user, device, registration }: Pick<Envelope, 'user' | 'device' | 'registration'>,
  identityKey: Uint8Array,
  { envelopes, counters, after }: ResendRequestBody,
): Promise<SentRow[]> {
  const to = [user, device, registration] as const;
  const found = await context.vault.read(['sent'], async (transaction) => {
    const rows: (SentRow | undefined)[] = [];
    for (const envelope of envelopes) {
      const key = [...to, envelope];
      rows.push(...(await transaction.range('sent', { index: 'envelope', lower: key, upper: key, limit: 1 })));
    }
    for (const counter of counters) rows.push(await transaction.get('sent', [...to, counter]));
    if (after !== undefined) {
      const range = { lower: [...to, after], lowerOpen: true, upper: [...to, []], limit: MAX_ASKED } as const;
      const later = await transaction.range('sent', range);
      // An answer is worth nothing to anyone, and answering it would be one more.
      rows.push(...later.filter(({ kind }) => kind !== resendAnswer.name));
    }
    return rows;
  });
  const once = new Map(found.flatMap((row) => (row ? [[row.counter, row]] : [])));
  return [...once.values()].filter((row) => row.state !== 'answered' && equalBytes(row.identityKey, identityKey));
}

/** Puts into the outbox what is sent again, and one answer for all that is not. */
export async function enqueueAnswers(
  transaction: WriteTransaction<Pick<HistoryRows, 'outbox' | 'messages'>>,
  context: EngineContext,
  { content, envelope }: OpenedContent,
  rows: readonly SentRow[],
  now: number,
): Promise<void> {
  const { user, device, registration } = envelope;
  const only: DeviceRef = { user, device, registration };
  const items: ResendAnswerBody['items'] = [];
  for (const row of rows) {
    const again = await contentOf(transaction, context, row);
    if (typeof again !== 'string') await enqueue(transaction, resendRow(row, only, again));
    else items.push({ envelope: row.envelope, counter: row.counter, outcome: again });
  }
  if (items.length === 0) return;
  await enqueue(transaction, {
    id: `answer:${user}.${device}.${registration}:${content.id}`,
    conversation: content.conversation,
    peer: content.from.user,
    kind: resendAnswer.name,
    body: { items } satisfies ResendAnswerBody,
    at: now,
    messageId: null,
    only,
    answers: items.map(({ counter }) => counter),
  });
}

async function contentOf(
  transaction: WriteTransaction<Pick<HistoryRows, 'messages'>>,
  { kinds, user }: { kinds: Kinds; user: Envelope['user'] },
  row: SentRow,
): Promise<object | 'nothing-lost' | 'unavailable'> {
  const kind = kinds.get(row.kind);
  if (row.state === 'void' || !kind?.resent) return 'nothing-lost';
  if (kind.shows === 'effect') return row.body ?? 'unavailable';
  const message = await transaction.get('messages', [row.conversation, user, row.message, THIS_DEVICE]);
  return message?.body.kind === 'content' ? message.body.data : 'unavailable';
}

function resendRow(row: SentRow, only: DeviceRef, body: object): NewOutboxRow {
  const { message, hlc, counter, envelope, conversation, peer, kind, at } = row;
  return {
    id: `resend:${only.user}.${only.device}.${only.registration}:${counter}`,
    conversation,
    peer,
    kind,
    body,
    at,
    messageId: null,
    only,
    resend: { message, hlc, counter, envelope },
    answers: [counter],
  };
}

/** The content's own word for an envelope. */
export const envelopeName = ({ id }: Pick<Envelope, 'id'>): string => toBase64Url(id);
