import { sha256 } from '@sotto/crypto/sha256';
import { toBase64Url } from '@sotto/protocol';

import type { Content } from '../content/content.js';
import type { ContentKind, Kinds } from '../content/kind.js';
import type { DeviceRef, OutboxRow, ResendOf } from '../history/schema.js';

/** One content on its way out: a message, or several outbox rows merged into one. */
export interface Outgoing {
  /** Message id: 16 bytes, base64url. */
  readonly id: string;
  readonly conversation: string;
  readonly peer: string;
  readonly kind: ContentKind;
  readonly body: Content['body'];
  readonly at: number;
  /** Outbox rows that are done with it. */
  readonly covers: readonly string[];
  readonly to: { readonly peer: boolean; readonly ownDevices: boolean };
  readonly only: DeviceRef | null;
  readonly resend: ResendOf | null;
  readonly answers: readonly number[];
}

/** This user, and the kinds that are known. */
export interface Sender {
  readonly kinds: Kinds;
  readonly userName: string;
}

/**
 * Merges what its kind lets merge; everything else goes out as it is. Rows in the order of the outbox, all of known kinds.
 *
 * @param sealed the message that an outbox row was sealed as: what is sealed stays as it is, whatever has come since
 */
export function planOutgoing(
  rows: readonly OutboxRow[],
  { kinds, userName }: Sender,
  sealed: ReadonlyMap<string, string> = new Map(),
): Outgoing[] {
  const planned: Outgoing[] = [];
  const merged = new Map<string, { kind: ContentKind; rows: OutboxRow[]; as?: string }>();
  for (const row of rows) {
    const kind = kinds.get(row.kind);
    if (!kind) continue;
    if (!kind.merging || row.resend) {
      planned.push(toOutgoing(kind, [row], row.body, userName));
      continue;
    }
    const as = sealed.get(row.id);
    const key = as ?? JSON.stringify([kind.name, row.conversation, row.only, kind.merging.key(row.body)]);
    const group = merged.get(key) ?? { kind, rows: [], ...(as !== undefined && { as }) };
    group.rows.push(row);
    merged.set(key, group);
  }
  for (const { kind, rows: group, as } of merged.values())
    planned.push(...merge(kind, group, userName).map((one) => (as === undefined ? one : { ...one, id: as })));
  return planned;
}

function merge(kind: ContentKind, rows: readonly OutboxRow[], self: string): Outgoing[] {
  const { merging } = kind;
  if (!merging) return [];
  const planned: Outgoing[] = [];
  for (let at = 0; at < rows.length; at += merging.most) {
    const some = rows.slice(at, at + merging.most);
    planned.push(toOutgoing(kind, some, merging.join(some.map(({ body }) => body)), self));
  }
  return planned;
}

function toOutgoing(kind: ContentKind, rows: readonly OutboxRow[], body: object, self: string): Outgoing {
  const [first] = rows;
  if (!first) throw new TypeError('no rows');
  const covers = rows.map(({ id }) => id);
  return {
    id: first.messageId ?? derivedId(covers),
    conversation: first.conversation,
    peer: first.peer,
    kind,
    body: { ...body },
    at: first.at,
    covers,
    // In the conversation that a user has with itself there are only this user's other devices.
    to: { ...kind.to, peer: kind.to.peer && first.peer !== self },
    only: first.only,
    resend: first.resend,
    answers: first.answers,
  };
}

/** A message id that the same outbox rows always get: sealing again after a crash finds what was sealed before. */
function derivedId(covers: readonly string[]): string {
  return toBase64Url(sha256(new TextEncoder().encode(covers.join('\n'))).subarray(0, 16));
}
