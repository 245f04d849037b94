import { aciBytes, toBase64Url, type Aci } from '@sotto/protocol';

import { SottoError } from '../errors.js';
import type { LiveQuery } from '../history/live-query.js';
import type { IdentityRow } from '../history/schema.js';
import { marked, markRow, settled } from '../history/identity-row.js';
import { enqueue } from '../history/rows.js';
import { equalBytes } from '../util/bytes.js';
import type { Front } from './front.js';
import { loadLater } from './later.js';
import type { IdentityState, SafetyNumber } from './types.js';

const DIGITS_PER_GROUP = 5;

/** The other user's identity, as a tab sees it: public keys and the person's word on them. */
export class PeerIdentity {
  readonly state: LiveQuery<'identities', IdentityState>;
  readonly #front: Front;
  readonly #peer: Aci;

  constructor(front: Front, peer: Aci) {
    this.#front = front;
    this.#peer = peer;
    this.state = front.live(['identities'], { state: 'unknown' }, async (transaction) =>
      toState(await transaction.get('identities', [peer])),
    );
  }

  async safetyNumber(): Promise<SafetyNumber> {
    return (await this.#compute()).number;
  }

  async verify(compared: string | Uint8Array): Promise<boolean> {
    const { number, identityKey } = await this.#compute();
    if (!(await fits(number, compared))) return false;
    const now = this.#front.clock.now();
    return this.#change((row) =>
      // The key may have changed while it was compared.
      equalBytes(row.identityKey, identityKey) ? marked(row, true, now) : null,
    );
  }

  async unverify(): Promise<void> {
    const now = this.#front.clock.now();
    await this.#change((row) => (row.verified === 1 ? marked(row, false, now) : null));
  }

  /** @param key as `state` has shown it: another one may have come while the person was reading */
  accept(key: string): Promise<boolean> {
    return this.#change((row) => (row.changedAt === null || nameOf(row) !== key ? null : settled(row)));
  }

  /** Both identities; that of somebody who was never met is asked for. */
  async #both(): Promise<{ own: IdentityRow; peer: IdentityRow }> {
    const read = () =>
      this.#front.read(['identities'], async (transaction) => ({
        own: await transaction.get('identities', [this.#front.user]),
        peer: await transaction.get('identities', [this.#peer]),
      }));
    let { own, peer } = await read();
    if (!own || !peer) {
      await this.#front.ask({ command: 'look-up', user: this.#peer });
      ({ own, peer } = await read());
    }
    if (!own || !peer) throw new SottoError('identity-unknown');
    return { own, peer };
  }

  async #compute(): Promise<{ number: SafetyNumber; identityKey: Uint8Array }> {
    const { own, peer } = await this.#both();
    const { createFingerprint } = await loadLater();
    const { displayable: digits, scannable } = createFingerprint({
      local: { id: aciBytes(this.#front.user), identityKey: own.identityKey },
      remote: { id: aciBytes(this.#peer), identityKey: peer.identityKey },
    });
    const groups = Array.from({ length: digits.length / DIGITS_PER_GROUP }, (_, i) =>
      digits.slice(i * DIGITS_PER_GROUP, (i + 1) * DIGITS_PER_GROUP),
    );
    return { number: { digits, groups, scannable }, identityKey: peer.identityKey };
  }

  /** Own devices hear of a mark. @returns whether there was something to change */
  #change(change: (row: IdentityRow) => IdentityRow | null): Promise<boolean> {
    const front = this.#front;
    return front.write(['identities', 'outbox'], async (transaction) => {
      const row = await transaction.get('identities', [this.#peer]);
      const changed = row && change(row);
      if (changed) await transaction.put('identities', changed);
      if (changed && changed.markedAt !== row.markedAt)
        await enqueue(transaction, markRow(front, changed, front.random(16)));
      return Boolean(changed);
    });
  }
}

const nameOf = ({ identityKey }: IdentityRow): string => toBase64Url(identityKey);

function toState(row: IdentityRow | undefined): IdentityState {
  if (!row) return { state: 'unknown' };
  if (row.changedAt !== null)
    return {
      state: 'changed',
      key: nameOf(row),
      at: row.changedAt,
      wasVerified: row.wasVerified === 1,
      held: row.held === 1,
    };
  return { state: row.verified === 1 ? 'verified' : 'unverified' };
}

async function fits(number: SafetyNumber, compared: string | Uint8Array): Promise<boolean> {
  if (typeof compared === 'string') return compared.replace(/\s/g, '') === number.digits;
  const { CryptoError, matchesScanned } = await loadLater();
  try {
    return matchesScanned(number.scannable, compared);
  } catch (error) {
    // Some other code was scanned.
    if (error instanceof CryptoError) return false;
    throw error;
  }
}
