import * as s from '@sotto/protocol/schema';

import { content } from '../content/content.js';
import type { ContentKind } from '../content/kind.js';
import { touchConversation } from '../history/rows.js';
import type { HistoryRows, MessageRow } from '../history/schema.js';
import { startingWith, type WriteTransaction } from '../storage/tables.js';
import { Breath } from '../util/breath.js';
import type { EngineContext } from './context.js';
import { applyEffect, type EffectTable } from './effects.js';

/** In one transaction: others wait for it. */
const BATCH = 50;

type Transaction = WriteTransaction<Pick<HistoryRows, EffectTable | 'unknown'>>;

/**
 * What came when its kind was not known, and is known now. A message is shown properly already, as its kind is asked each time; an
 * effect takes effect, and the row that stood for it goes. Each in one transaction: whoever is ended in between leaves the rest to
 * the next engine.
 */
export async function applyKept(context: EngineContext): Promise<void> {
  const breath = new Breath();
  for (const kind of context.kinds.all) {
    while (await applySome(context, kind)) await breath.pause();
  }
}

/** @returns whether there may be more */
function applySome(context: EngineContext, kind: ContentKind): Promise<boolean> {
  const tables = [
    'conversations',
    'messages',
    'waitingEffects',
    'unknown',
    'devices',
    'identities',
    'profiles',
  ] as const;
  return context.history.write(tables, async (transaction) => {
    const rows = await transaction.range('unknown', { ...startingWith(kind.name), limit: BATCH });
    for (const { conversation, user, id, device } of rows) {
      const key = [conversation, user, id, device] as const;
      await transaction.delete('unknown', [kind.name, ...key]);
      const message = await transaction.get('messages', key);
      if (kind.shows === 'effect' && message) await takeEffect(transaction, context, message);
    }
    return rows.length === BATCH;
  });
}

async function takeEffect(
  transaction: Transaction,
  context: EngineContext,
  { conversation, user, id, device, hlc, body }: MessageRow,
): Promise<void> {
  if (body.kind !== 'content' || body.raw === null) return;
  const parsed = context.kinds.parse(body.type, body.data);
  const sent = s.safeParse(content, JSON.parse(body.raw));
  const peer = (await transaction.get('conversations', [conversation]))?.peerAci;
  // Not what its kind allows: the row goes on saying that something is there.
  if (parsed === 'unknown' || parsed === null || !sent.success || !peer) return;
  const origin = { user, device, registration: sent.data.from.registration, self: context.user, peer, id, hlc };
  await transaction.delete('messages', [conversation, user, id, device]);
  await applyEffect(transaction, conversation, parsed, origin, context.clock.now());
  await touchConversation(transaction, conversation);
}
