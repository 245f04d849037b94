import { generateKemKeyPair, generateKeyPair, sign } from '@sotto/crypto';
import {
  limits,
  preKeyMessage,
  type KemPreKey,
  type OneTimePreKey,
  type PreKeyCounts,
  type PutPreKeysRequest,
  type SignedPreKey,
} from '@sotto/protocol';

import type { RelayApi } from '../network/relay-api.js';
import { startingWith } from '../storage/tables.js';
import { Breath } from '../util/breath.js';
import type { PreKeyRow, PreKeyStateRow } from '../vault/schema.js';
import { commitVault, type EngineContext } from './context.js';
import type { LocalDevice } from './local-device.js';

const DAY_MS = 24 * 60 * 60 * 1000;

/** Signed and last-resort prekeys are replaced weekly. */
const ROTATION_MS = 7 * DAY_MS;

/** Old private halves stay for senders' unanswered sessions (30 days), envelopes in the mailbox (45) and some grace (14). */
const KEEP_REPLACED_MS = (30 + 45 + 14) * DAY_MS;

/** Keys of each kind made in one go, and the pause after it: messages and the page come first. */
const CHUNK = 4;
const PAUSE_MS = 30;

/** Of each kind at registration: enough to be reachable at once; the rest of the stock follows when online. */
const FIRST_STOCK = 10;

/** Refilling begins when this many of either kind have gone: often enough, and not for every single one. */
const REFILL_AFTER = 10;

/** The stock, where it is not the usual one, and what follows from it. */
interface Supply {
  readonly stock: number;
  readonly first: number;
  readonly refillAfter: number;
}

function supplyOf(stock: number): Supply {
  return { stock, first: Math.min(FIRST_STOCK, stock), refillAfter: Math.min(REFILL_AFTER, Math.ceil(stock / 2)) };
}

/** The prekey supply of this device: private halves are committed to the vault before the public ones are uploaded. */
export class PreKeys {
  #keeping: Promise<void> | null = null;
  #counts: PreKeyCounts | null = null;
  readonly #context: EngineContext;
  readonly #api: RelayApi;
  readonly #supply: Supply;

  constructor(context: EngineContext, api: RelayApi) {
    this.#context = context;
    this.#api = api;
    this.#supply = supplyOf(context.preKeyStock ?? limits.ONE_TIME_PREKEY_STOCK);
  }

  /** The first set of a device, or a new one after a rollback of either side (`replace`). */
  async publish(local: LocalDevice, replace: boolean): Promise<void> {
    if (replace) await this.#discardUnuploaded();
    await this.#rotate();
    await this.#make(this.#supply.first, this.#supply.first);
    await this.#upload(local, replace);
  }

  /**
   * Rotates what is due, and fills the stock up where it is known. One at a time; failures are the caller's to retry.
   *
   * @param counts what the relay says that it holds; null: it has not said anything new
   */
  keepUp(local: LocalDevice, counts: PreKeyCounts | null): Promise<void> {
    this.#counts = counts ?? this.#counts;
    this.#keeping ??= this.#keepUp(local).finally(() => (this.#keeping = this.#counts = null));
    return this.#keeping;
  }

  async #keepUp(local: LocalDevice): Promise<void> {
    const state = await this.#state();
    if (this.#context.clock.now() - state.rotatedAt > ROTATION_MS) {
      await this.#rotate();
    }
    // What a rotation made must reach the relay, also while the stock is full.
    await this.#upload(local, false);
    await this.#prune();
    const counts = this.#counts;
    if (!counts || Math.min(counts.oneTime, counts.kem) > this.#supply.stock - this.#supply.refillAfter) return;
    // A relay that holds none of ours may have been put back to before it had the standing ones.
    if (counts.oneTime + counts.kem === 0) await this.#offerAgain();
    for (let made = counts; this.#short(made);) {
      const room = (held: number): number => Math.max(0, Math.min(CHUNK, this.#supply.stock - held));
      const chunk = { oneTime: room(made.oneTime), kem: room(made.kem) };
      await this.#make(chunk.oneTime, chunk.kem);
      made = { oneTime: made.oneTime + chunk.oneTime, kem: made.kem + chunk.kem };
      await new Promise<void>((resolve) => this.#context.clock.after(PAUSE_MS, resolve));
    }
    await this.#upload(local, false);
  }

  #short({ oneTime, kem }: PreKeyCounts): boolean {
    return Math.min(oneTime, kem) < this.#supply.stock;
  }

  async #state(): Promise<PreKeyStateRow> {
    const row = await this.#context.vault.read(['meta'], (transaction) => transaction.get('meta', ['prekeys']));
    return row?.name === 'prekeys' ? row : { name: 'prekeys', nextId: 1, rotatedAt: 0 };
  }

  /** Makes a new signed and a new last-resort prekey; marks the old ones as replaced. */
  async #rotate(): Promise<void> {
    const now = this.#context.clock.now();
    const state = await this.#state();
    const fresh = [this.#newKey('signed', state.nextId, now), this.#newKey('last-resort', nextId(state.nextId), now)];
    await commitVault(this.#context, ['preKeys'], async (transaction) => {
      for (const kind of ['signed', 'last-resort'] as const) {
        for (const row of await transaction.range('preKeys', startingWith(kind))) {
          if (row.replacedAt === null) await transaction.put('preKeys', { ...row, replacedAt: now, uploaded: 1 });
        }
      }
      for (const row of fresh) await transaction.put('preKeys', row);
      await transaction.put('meta', { name: 'prekeys', nextId: nextId(nextId(state.nextId)), rotatedAt: now });
    });
  }

  /** The standing prekeys go with the next upload. */
  #offerAgain(): Promise<void> {
    return commitVault(this.#context, ['preKeys'], async (transaction) => {
      for (const kind of ['signed', 'last-resort'] as const) {
        for (const row of await transaction.range('preKeys', startingWith(kind)))
          if (row.replacedAt === null) await transaction.put('preKeys', { ...row, uploaded: 0 });
      }
    });
  }

  async #make(oneTime: number, kem: number): Promise<void> {
    const now = this.#context.clock.now();
    const state = await this.#state();
    const rows: PreKeyRow[] = [];
    let id = state.nextId;
    const breath = new Breath();
    for (let i = 0; i < oneTime + kem; i++, id = nextId(id)) {
      await breath.pause();
      rows.push(this.#newKey(i < oneTime ? 'one-time' : 'kem', id, now));
    }
    await commitVault(this.#context, ['preKeys'], async (transaction) => {
      for (const row of rows) await transaction.put('preKeys', row);
      await transaction.put('meta', { ...state, nextId: id });
    });
  }

  #newKey(kind: PreKeyRow['kind'], id: number, createdAt: number): PreKeyRow {
    const common = { kind, id, createdAt, replacedAt: null, uploaded: 0 } as const;
    if (kind === 'kem' || kind === 'last-resort') {
      const pair = generateKemKeyPair(this.#context.random);
      return { ...common, publicKey: pair.publicKey, privateKey: pair.secretKey };
    }
    return { ...common, ...generateKeyPair(this.#context.random) };
  }

  /** Uploads what the relay has not confirmed yet. @returns the relay's counts, or null if there was nothing to upload */
  async #upload(local: LocalDevice, replace: boolean): Promise<PreKeyCounts | null> {
    const rows = await this.#context.vault.read(['preKeys'], async (transaction) => {
      const waiting: PreKeyRow[] = [];
      for (const kind of ['signed', 'last-resort', 'one-time', 'kem'] as const) {
        const found = await transaction.range('preKeys', startingWith(kind));
        waiting.push(...found.filter((row) => row.uploaded === 0).slice(0, limits.ONE_TIME_PREKEY_STOCK));
      }
      return waiting;
    });
    if (rows.length === 0 && !replace) return null;
    const counts = await this.#api.putPreKeys(local, await this.#request(local, rows, replace));
    await commitVault(this.#context, ['preKeys'], async (transaction) => {
      for (const row of rows) {
        // Used meanwhile? Then it is gone and must stay gone.
        if (await transaction.get('preKeys', [row.kind, row.id]))
          await transaction.put('preKeys', { ...row, uploaded: 1 });
      }
    });
    return counts;
  }

  async #request(local: LocalDevice, rows: readonly PreKeyRow[], replace: boolean): Promise<PutPreKeysRequest> {
    const of = (kind: PreKeyRow['kind']): PreKeyRow[] => rows.filter((row) => row.kind === kind);
    const [signedPreKey] = await this.#signed(local, of('signed'));
    const [lastResortKemPreKey] = await this.#signed(local, of('last-resort'));
    return {
      ...(signedPreKey && { signedPreKey }),
      ...(lastResortKemPreKey && { lastResortKemPreKey }),
      oneTimePreKeys: of('one-time').map((row): OneTimePreKey => ({ id: row.id, key: row.publicKey })),
      kemPreKeys: await this.#signed(local, of('kem')),
      replace,
    };
  }

  async #signed(local: LocalDevice, rows: readonly PreKeyRow[]): Promise<(SignedPreKey & KemPreKey)[]> {
    const signed: (SignedPreKey & KemPreKey)[] = [];
    const breath = new Breath();
    for (const row of rows) {
      await breath.pause();
      signed.push(this.#sign(local, row));
    }
    return signed;
  }

  #sign(local: LocalDevice, row: PreKeyRow): SignedPreKey & KemPreKey {
    const { random } = this.#context;
    const message = preKeyMessage({
      kind: row.kind === 'signed' ? 'signed' : 'kem',
      user: local.user,
      device: local.device,
      registration: local.registration,
      id: row.id,
      key: row.publicKey,
    });
    return {
      id: row.id,
      key: row.publicKey,
      signature: sign(local.party.identityKeyPair.privateKey, row.publicKey, random),
      deviceSignature: sign(local.signingKeyPair.privateKey, message, random),
    };
  }

  async #discardUnuploaded(): Promise<void> {
    await commitVault(this.#context, ['preKeys'], async (transaction) => {
      for (const kind of ['one-time', 'kem'] as const) {
        for (const row of await transaction.range('preKeys', startingWith(kind))) {
          if (row.uploaded === 0) await transaction.delete('preKeys', [kind, row.id]);
        }
      }
    });
  }

  /** Forgets replaced keys, and accepted handshakes, that nothing under way can need any more. */
  async #prune(): Promise<void> {
    const before = this.#context.clock.now() - KEEP_REPLACED_MS;
    await commitVault(this.#context, ['preKeys', 'acceptedHandshakes'], async (transaction) => {
      for (const kind of ['signed', 'last-resort'] as const) {
        const rows = await transaction.range('preKeys', startingWith(kind));
        // While the relay may still serve an old key, its private half stays.
        if (rows.some((row) => row.replacedAt === null && row.uploaded === 0)) continue;
        for (const row of rows) {
          if (row.replacedAt !== null && row.replacedAt < before) await transaction.delete('preKeys', [kind, row.id]);
        }
      }
      for (const row of await transaction.range('acceptedHandshakes', { index: 'at', upper: [before] })) {
        await transaction.delete('acceptedHandshakes', [row.kem, row.signed, row.baseKey]);
      }
    });
  }
}

const nextId = (id: number): number => (id >= limits.MAX_PREKEY_ID ? 1 : id + 1);
