import type { MessageRow } from '../../src/history/schema.js';
import { aciOfName } from './fake-relay.js';

/** Bob's message number `n`, as history holds it. */
export function messageRow(conversation: string, n: number, more: Partial<MessageRow> = {}): MessageRow {
  return {
    conversation,
    user: aciOfName('bob'),
    id: `m${String(n).padStart(6, '0')}`,
    device: 1,
    hlc: n,
    at: n,
    unread: 0,
    status: null,
    failure: null,
    body: { kind: 'content', type: 'text', data: { text: `text ${n}` }, fallback: null, raw: null },
    notes: {},
    ...more,
  };
}
