import type { Aci } from '@sotto/protocol';

import type { MessageRow } from '../history/schema.js';
import type { Message } from './types.js';

/** Sentences for what has no text of its own. */
const SENTENCES = {
  undecryptable: 'This message could not be decrypted.',
  'identity-changed': 'The safety number has changed: a new device or a fresh start.',
  unknown: 'This message needs a newer version of the app.',
} as const;

/** What people see of a history row. */
export function toMessage(row: MessageRow, self: { readonly user: Aci; readonly name: string }, peer: string): Message {
  const mine = row.user === self.user;
  const base = {
    id: messageKey(row),
    from: mine ? self.name : peer,
    mine,
    at: row.at,
    unread: row.unread === 1,
  };
  const { body } = row;
  switch (body.kind) {
    case 'text':
      return { ...base, kind: 'text', text: body.text, status: row.status, failure: row.failure };
    case 'undecryptable':
      return { ...base, kind: 'undecryptable', text: SENTENCES.undecryptable, cause: body.cause };
    case 'identity-changed':
      return { ...base, kind: 'identity-changed', text: SENTENCES['identity-changed'] };
    case 'unknown':
      return { ...base, kind: 'unknown', text: body.fallback ?? SENTENCES.unknown };
  }
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
