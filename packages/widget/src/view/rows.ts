import type { Message } from '@sotto/sdk';

import { dayOf } from './time.js';

/** What the list shows, top to bottom. */
export type Row =
  | { readonly type: 'day'; readonly key: string; readonly day: number }
  | { readonly type: 'unread'; readonly key: string }
  | { readonly type: 'message'; readonly key: string; readonly message: Message; readonly place: Place };

/** A message's place in a group of consecutive messages by one person. */
export interface Place {
  readonly first: boolean;
  readonly last: boolean;
  /** Shows time and status: the last of a group does, and every message whose status differs from the next one's. */
  readonly meta: boolean;
}

/** Messages further apart than this (ms) are not one group: their times should both show. */
const GROUP_GAP = 5 * 60_000;

/**
 * @param messages in their order
 * @param unreadFrom id of the message that the unread marker stands above, or null
 */
export function rowsOf(messages: readonly Message[], unreadFrom: string | null): Row[] {
  const rows: Row[] = [];
  let day = -Infinity;
  let previous: Message | null = null;
  for (const [index, message] of messages.entries()) {
    let fresh = !isGroup(previous, message);
    // Times are the senders' claims and can go backwards; separators never do.
    const messageDay = dayOf(message.at);
    if (messageDay > day) {
      day = messageDay;
      rows.push({ type: 'day', key: `day:${day}`, day });
      fresh = true;
    }
    if (message.id === unreadFrom) {
      rows.push({ type: 'unread', key: 'unread' });
      fresh = true;
    }
    const next = messages[index + 1] ?? null;
    const last = next === null || !isGroup(message, next) || dayOf(next.at) > day || next.id === unreadFrom;
    rows.push({
      type: 'message',
      key: `message:${message.id}`,
      message,
      place: { first: fresh, last, meta: last || statusOf(message) !== statusOf(next) },
    });
    previous = message;
  }
  return rows;
}

/** The status of an own message, null otherwise. */
export function statusOf(message: Message | null) {
  return message?.mine && 'status' in message ? message.status : null;
}

function isGroup(a: Message | null, b: Message): boolean {
  if (a === null || a.from !== b.from || a.mine !== b.mine) return false;
  return isBubble(a) && isBubble(b) && Math.abs(b.at - a.at) < GROUP_GAP;
}

/** Shown as a bubble; the other kinds are quiet notices between the messages. */
export function isBubble(message: Message): boolean {
  return message.kind === 'text' || message.kind === 'content' || message.kind === 'unknown';
}
