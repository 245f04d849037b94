import type { Envelope } from '@sotto/protocol';

import type { WriteTransaction } from '../storage/tables.js';
import type { Vault, VaultRows } from '../vault/schema.js';
import { envelopeName } from './answering.js';
import type { Opened } from './open.js';
import { healedBy } from './settle-answers.js';

/** Sealed bytes kept for a later repair. */
const MAX_UNDECRYPTABLE = 1_000;

type Sender = Pick<Envelope, 'user' | 'device'>;

/** What an envelope is known by among all that come to this device. */
export const addressOf = (envelope: Sender & Pick<Envelope, 'id'>): string => nameOf(envelope, envelopeName(envelope));

/** The same for another envelope of that sender. */
const nameOf = ({ user, device }: Sender, name: string): string => `${user}.${device}.${name}`;

/**
 * An unreadable envelope that was read before, or is known already, is a repeat. So is one whose content has come again: a message
 * that waits long for a full mailbox may be overtaken by more than its session keeps keys for, and is asked for meanwhile.
 *
 * @param applied addresses of envelopes that stand in history
 */
export async function withoutRepeats(
  vault: Vault,
  applied: ReadonlySet<string>,
  opened: readonly Opened[],
): Promise<Opened[]> {
  if (!opened.some(({ kind }) => kind === 'failed')) return [...opened];
  return vault.read(['undecryptable'], async (transaction) => {
    const seen = new Set<string>();
    const fresh: Opened[] = [];
    for (const one of opened) {
      const id = addressOf(one.envelope);
      const repeated =
        one.kind === 'failed' &&
        (applied.has(id) || seen.has(id) || (await transaction.get('undecryptable', [id])) !== undefined);
      seen.add(id);
      for (const again of healedBy(one)) seen.add(nameOf(one.envelope, again));
      fresh.push(repeated ? { kind: 'duplicate', envelope: one.envelope } : one);
    }
    return fresh;
  });
}

/** Keeps the sealed bytes of what failed; drops those of what has come again or was said not to matter. */
export async function keepSealed(
  transaction: WriteTransaction<Pick<VaultRows, 'undecryptable'>>,
  opened: readonly Opened[],
): Promise<void> {
  let more = false;
  for (const one of opened) {
    const { user, device, at, payload } = one.envelope;
    if (one.kind === 'failed') {
      const id = addressOf(one.envelope);
      await transaction.put('undecryptable', { id, user, device, at, cause: one.cause, payload, healed: 0 });
      more = true;
    }
    for (const name of healedBy(one)) {
      const id = nameOf(one.envelope, name);
      const row = (await transaction.get('undecryptable', [id])) ?? {
        id,
        user,
        device,
        at,
        cause: 'bad-ciphertext' as const,
      };
      await transaction.put('undecryptable', { ...row, payload: new Uint8Array(), healed: 1 });
      more = true;
    }
  }
  if (more) await dropOldest(transaction);
}

async function dropOldest(transaction: WriteTransaction<Pick<VaultRows, 'undecryptable'>>): Promise<void> {
  const excess = (await transaction.count('undecryptable')) - MAX_UNDECRYPTABLE;
  if (excess <= 0) return;
  for (const row of await transaction.range('undecryptable', { index: 'at', limit: excess })) {
    await transaction.delete('undecryptable', [row.id]);
  }
}
