import type { Aci } from '@sotto/protocol';

import type { Kinds } from '../content/kind.js';
import { text } from '../content/kinds/text.js';
import { UNDECRYPTABLE_CAUSES } from '../history/message-state.js';
import type { MessageRow } from '../history/schema.js';
import type { Message, MessageBase } from './types.js';

/** Sentences for what has no text of its own. */
const SENTENCES = {
  'identity-changed': 'The safety number has changed: a new device or a fresh start.',
  unknown: 'This message needs a newer version of the app.',
} as const;

const RESEND_SENTENCES = {
  asked: 'It has been asked for again.',
  unavailable: 'Its sender does not have it any more.',
  none: '',
} as const;

function missingText(asked: number, lost: number): string {
  const messages = (count: number): string => (count === 1 ? '1 message' : `${count} messages`);
  const sentences = [
    ...(asked > 0
      ? [`${messages(asked)} did not arrive and ${asked === 1 ? 'has' : 'have'} been asked for again.`]
      : []),
    ...(lost > 0 ? [`${messages(lost)} did not arrive and cannot be had any more.`] : []),
  ];
  return sentences.join(' ');
}

/** For whom, and with which kinds. */
export interface Self {
  readonly user: Aci;
  readonly userName: string;
  readonly kinds: Kinds;
}

/** What people see of a history row. */
export function toMessage(row: MessageRow, self: Self, peer: string): Message {
  const mine = row.user === self.user;
  const base = {
    id: messageKey(row),
    from: mine ? self.userName : peer,
    mine,
    at: row.at,
    unread: row.unread === 1,
  };
  const { body } = row;
  switch (body.kind) {
    case 'content':
      return toContent(row, body, base, self.kinds);
    case 'undecryptable':
      return {
        ...base,
        kind: 'undecryptable',
        text: `${UNDECRYPTABLE_CAUSES[body.cause]} ${RESEND_SENTENCES[body.resend]}`.trim(),
        cause: body.cause,
        resend: body.resend,
      };
    case 'missing': {
      const { asked, lost } = body;
      return { ...base, kind: 'missing', text: missingText(asked, lost.length), asked, lost: lost.length };
    }
    case 'identity-changed':
      return { ...base, kind: 'identity-changed', text: SENTENCES['identity-changed'] };
  }
}

/** A kind that was not known when it came may be known now: the body is looked at each time. */
function toContent(
  { status, failure }: MessageRow,
  { type, data, fallback }: Extract<MessageRow['body'], { kind: 'content' }>,
  base: Omit<MessageBase, 'text'>,
  kinds: Kinds,
): Message {
  const parsed = kinds.parse(type, data);
  if (parsed === null || parsed === 'unknown') {
    return { ...base, kind: 'unknown', text: fallback ?? SENTENCES.unknown };
  }
  const shown = parsed.kind.summary(parsed.body) ?? fallback ?? SENTENCES.unknown;
  if (type === text.name) return { ...base, kind: 'text', text: shown, status, failure };
  return { ...base, kind: 'content', type, data: parsed.body, text: shown, status, failure };
}

/** Unique within the conversation: two users may choose the same message id. */
export function messageKey({ user, id, device }: Pick<MessageRow, 'user' | 'id' | 'device'>): string {
  return `${user}/${id}/${device}`;
}

/** @returns null if the text is not a {@link messageKey} */
export function parseMessageKey(key: string): { user: Aci; id: string; device: number } | null {
  const [user, id, device, more] = key.split('/');
  if (user === undefined || id === undefined || device === undefined || more !== undefined) return null;
  return { user: user as Aci, id, device: Number(device) };
}
