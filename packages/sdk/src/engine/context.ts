import type { Aci, AppId } from '@sotto/protocol';

import type { Kinds } from '../content/kind.js';
import type { IdentityPolicy } from '../history/identity-policy.js';
import type { ReceiptPolicy } from '../history/receipt-policy.js';
import type { History } from '../history/schema.js';
import type { RelayPort } from '../network/relay-port.js';
import type { WriteTransaction } from '../storage/tables.js';
import type { Clock } from '../util/clock.js';
import type { OpenTabChannel } from '../util/tab-channel.js';
import type { RandomBytes } from '../util/random.js';
import type { UnderWay } from '../util/under-way.js';
import type { Vault, VaultRows } from '../vault/schema.js';

/** What every part of the engine works with. */
export interface EngineContext {
  readonly app: AppId;
  readonly userName: string;
  readonly user: Aci;
  /** The kinds of content that this version knows. */
  readonly kinds: Kinds;
  readonly receipts: ReceiptPolicy;
  readonly identityChanges: IdentityPolicy;
  readonly history: History;
  readonly vault: Vault;
  readonly relay: RelayPort;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** One-time prekeys of each kind kept at the relay; absent: the usual stock. */
  readonly preKeyStock?: number;
  /** Milliseconds that outbox rows wait for others to leave with; absent: as their kinds say. */
  readonly gatherMs?: number;
  readonly openTabChannel: OpenTabChannel;
  /** Work beside everything else that writes what the relay has answered. */
  readonly underWay: UnderWay;
  /** This leadership's number; grows with each. */
  readonly epoch: number;
}

/**
 * Another engine has taken over (the epoch moved on), or the ground under a computation changed (a session's version).
 * Nothing was written. `superseded` ends this engine; `conflict` asks to reload and try again.
 */
export class VaultConflict extends Error {
  override readonly name = 'VaultConflict';

  constructor(readonly reason: 'superseded' | 'conflict') {
    super(reason);
  }
}

/** What is under our hands can change only so often in a row; after that it is a fault to be seen. */
const MAX_TRIES = 5;

/**
 * Repeats work that met a `conflict`, after `reload` has dropped what it was built on.
 *
 * @throws VaultConflict `superseded` at once, `conflict` when it goes on
 */
export async function retryConflicts<V>(reload: () => void, work: () => Promise<V>): Promise<V> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof VaultConflict) || error.reason === 'superseded' || tries >= MAX_TRIES) throw error;
      reload();
    }
  }
}

/** A vault transaction that happens only while this engine leads. */
export function commitVault<T extends keyof VaultRows, V>(
  context: EngineContext,
  tables: readonly T[],
  work: (transaction: WriteTransaction<Pick<VaultRows, T | 'meta'>>) => Promise<V>,
): Promise<V> {
  return context.vault.write<T | 'meta', V>([...tables, 'meta'], async (transaction) => {
    const [, value] = await sideBySide(checkEpoch(context, transaction), work(transaction));
    return value;
  });
}

/** @throws VaultConflict `superseded`, which undoes what is written beside it */
async function checkEpoch(
  context: EngineContext,
  transaction: WriteTransaction<Pick<VaultRows, 'meta'>>,
): Promise<void> {
  const row = await transaction.get('meta', ['epoch']);
  if (row?.name !== 'epoch' || row.epoch !== context.epoch) throw new VaultConflict('superseded');
}

/**
 * Parts of one transaction that need not wait for each other's answers from the database. Ends when all have ended, for nothing
 * may go on in a transaction that is undone; then fails as the first of them that has failed.
 */
export async function sideBySide<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}

/** The first transaction of a leadership: from here on every older engine's commits fail. */
export async function beginEpoch(vault: Vault): Promise<number> {
  return vault.write(['meta'], async (transaction) => {
    const row = await transaction.get('meta', ['epoch']);
    const epoch = (row?.name === 'epoch' ? row.epoch : 0) + 1;
    await transaction.put('meta', { name: 'epoch', epoch });
    return epoch;
  });
}
