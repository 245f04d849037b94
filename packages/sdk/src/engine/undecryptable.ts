import type { Envelope } from '@sotto/protocol';

import type { WriteTransaction } from '../storage/tables.js';
import type { Vault, VaultRows } from '../vault/schema.js';
import { envelopeName } from './answering.js';
import type { Opened } from './open.js';
import { healedBy } from './settle-answers.js';

/** Sealed bytes kept for a later repair. */
const MAX_UNDECRYPTABLE = 1_000;

/** What an envelope is known by among all that come to this device. */
export const addressOf = ({ user, device, ...envelope }: Pick<Envelope, 'user' | 'device' | 'id'>): string =>
  `${user}.${device}.${envelopeName(envelope)}`;

/**
 * An unreadable envelope that was read before, or is known already, also from before it healed, is a repeat.
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
      const row = await transaction.get('undecryptable', [`${user}.${device}.${name}`]);
      if (row) await transaction.put('undecryptable', { ...row, payload: new Uint8Array(), healed: 1 });
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
