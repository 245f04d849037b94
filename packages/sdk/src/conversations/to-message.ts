import type { Aci } from '@sotto/protocol';

import type { Kinds } from '../content/kind.js';
import { text } from '../content/kinds/text.js';
import type { MessageRow } from '../history/schema.js';
import type { Message, MessageBase } from './types.js';

/** Sentences for what has no text of its own. */
const SENTENCES = {
  undecryptable: 'This message could not be decrypted.',
  'identity-changed': 'The safety number has changed: a new device or a fresh start.',
  unknown: 'This message needs a newer version of the app.',
} as const;

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
      return { ...base, kind: 'undecryptable', text: SENTENCES.undecryptable, cause: body.cause };
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
