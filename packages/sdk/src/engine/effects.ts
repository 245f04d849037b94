import type { ContentKind, HistoryEditor, Kinds, MessageChange, Origin, Share } from '../content/kind.js';
import { withMark } from '../history/identity-row.js';
import { laterProfile } from '../history/profile-row.js';
import { grownStatus, messagesById } from '../history/rows.js';
import type { HistoryRows, MessageRow, WaitingEffectRow } from '../history/schema.js';
import { startingWith, type WriteTransaction } from '../storage/tables.js';

export type EffectTable = 'conversations' | 'messages' | 'waitingEffects' | 'devices' | 'identities' | 'profiles';
export type EffectTransaction = WriteTransaction<Pick<HistoryRows, EffectTable>>;

/** Shares kept for messages that have not come, per conversation: beyond it the oldest are forgotten. */
const MAX_WAITING = 1_000;

const UNLISTED = { listed: 0, current: 0, createdAt: null, lastSeenAt: null, expiresAt: null } as const;

/** What an effect does to history, as its kind declares it. */
export async function applyEffect(
  transaction: EffectTransaction,
  conversation: string,
  { kind, body }: { kind: ContentKind; body: object },
  origin: Origin,
  now: number,
): Promise<void> {
  await kind.apply?.(editor(transaction, conversation, origin), body, origin);
  let waits = false;
  for (const share of kind.shares?.(body, origin) ?? []) {
    const rows = await messagesById(transaction, conversation, share.of.user, share.of.id);
    for (const row of rows) await changeRow(transaction, kind, row, share.part, origin);
    if (rows.length > 0) continue;
    await transaction.put('waitingEffects', toWaiting(conversation, kind, share, origin, now));
    waits = true;
  }
  if (waits) await forgetOldest(transaction, conversation);
}

/** The message has come: what was said of it before takes effect now. */
export async function applyWaiting(transaction: EffectTransaction, kinds: Kinds, message: MessageRow): Promise<void> {
  const range = startingWith(message.conversation, message.user, message.id);
  for (const { kind: name, effect, origin, part } of await transaction.range('waitingEffects', range)) {
    const key = [message.conversation, message.user, message.id] as const;
    const row = await transaction.get('messages', [...key, message.device]);
    const kind = kinds.get(name);
    if (row && kind) await changeRow(transaction, kind, row, part, origin);
    await transaction.delete('waitingEffects', [...key, name, effect]);
  }
}

async function changeRow(
  transaction: EffectTransaction,
  kind: ContentKind,
  row: MessageRow,
  part: object,
  origin: Origin,
): Promise<void> {
  if (row.body.kind !== 'content') return;
  const { user, id, status, body, notes } = row;
  const facts = { user, id, mine: user === origin.self, status, type: body.type, data: body.data };
  const change = kind.change?.({ ...facts, note: notes[kind.name] }, part, origin);
  if (change) await transaction.put('messages', changed(row, row.body, kind.name, change));
}

function changed(
  row: MessageRow,
  body: Extract<MessageRow['body'], { kind: 'content' }>,
  kind: string,
  { status, read, data, note }: MessageChange,
): MessageRow {
  // Only own messages have a status: nobody can give one to another's.
  const grown = status === undefined || row.status === null ? row.status : grownStatus(row.status, status);
  return {
    ...row,
    unread: read ? 0 : row.unread,
    status: grown,
    failure: grown === row.status ? row.failure : null,
    body: data === undefined ? body : { ...body, data },
    notes: note === undefined ? row.notes : { ...row.notes, [kind]: note },
  };
}

function toWaiting(
  conversation: string,
  kind: ContentKind,
  { of, part }: Share,
  origin: Origin,
  at: number,
): WaitingEffectRow {
  return { conversation, user: of.user, id: of.id, kind: kind.name, effect: origin.id, origin, part, at };
}

async function forgetOldest(transaction: EffectTransaction, conversation: string): Promise<void> {
  const all = { index: 'at', ...startingWith(conversation) };
  const excess = (await transaction.count('waitingEffects', all)) - MAX_WAITING;
  if (excess <= 0) return;
  for (const row of await transaction.range('waitingEffects', { ...all, limit: excess })) {
    await transaction.delete('waitingEffects', [row.conversation, row.user, row.id, row.kind, row.effect]);
  }
}

function editor(transaction: EffectTransaction, conversation: string, origin: Origin): HistoryEditor {
  return {
    nameDevice: async (name) => {
      const { device, registration } = origin;
      const row = await transaction.get('devices', [device]);
      const known = row?.registration === registration ? row : { ...UNLISTED, device, registration };
      await transaction.put('devices', { ...known, name });
    },
    markIdentity: async (mark) => {
      // This user's own identity is what the vault says.
      if (mark.user === origin.self) return;
      const row = withMark(await transaction.get('identities', [mark.user]), mark);
      if (row) await transaction.put('identities', row);
    },
    noteProfile: async (word) => {
      const row = laterProfile(await transaction.get('profiles', [word.user]), word);
      if (row) await transaction.put('profiles', row);
      if (origin.user !== origin.self || word.user !== origin.self) return;
      // Another device of this user has told the contact: this one need not.
      const told = await transaction.get('conversations', [conversation]);
      if (told && told.profileAt < word.at) await transaction.put('conversations', { ...told, profileAt: word.at });
    },
  };
}
