import type { AppId, Envelope, Outcome, Submit } from '@sotto/protocol';

import { RelayError } from '../errors.js';
import type { RelayObserver } from '../observer.js';
import type { Clock } from '../platform.js';
import {
  StoreError,
  type BatchItem,
  type ItemOutcome,
  type MailboxStore,
  type Quota,
  type SealingCount,
  type SubmitBatch,
} from '../store/store.js';
import { Batcher } from './batcher.js';
import { dedupeDigest, MailboxNames, type DeviceAddress, type MailboxId } from './mailbox-id.js';
import { Routes, type Route } from './route.js';
import type { Switchboard } from './switchboard.js';

/** A batch ends at this size: beyond it a longer statement gains nothing, and the first sender waits too long. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
/** What an item costs besides its payload, so that many small ones end a batch too. */
const ITEM_WEIGHT = 4 * 1024;

export interface Submission {
  sender: DeviceAddress;
  route: Route;
  message: Pick<Submit, 'id' | 'sealing' | 'payloads'>;
}

/** Per recipient device in order, or: the lists have changed meanwhile, and nothing was stored. */
export type SubmitResult = Outcome[] | 'stale';

/** A submission with the digest for each target of its route. */
interface Prepared extends Submission {
  digests: Buffer[];
}

export interface SubmitDeps {
  store: MailboxStore;
  switchboard: Switchboard;
  clock: Clock;
  /** The relay key: dedupe digests are made with it. */
  key: Uint8Array;
  quota: () => Quota;
  observer: RelayObserver;
}

/** The write path of one app on one node: gathers, stores in one commit, then rings. Store first, then ring. */
export class SubmitWriter {
  readonly #app: AppId;
  readonly #deps: SubmitDeps;
  readonly #batcher: Batcher<Prepared, SubmitResult>;
  readonly #names: MailboxNames;

  constructor(app: AppId, deps: SubmitDeps) {
    this.#app = app;
    this.#deps = deps;
    this.#names = new MailboxNames(app, deps.key);
    this.#batcher = new Batcher<Prepared, SubmitResult>((items) => this.#write(items), {
      weigh,
      maxWeight: MAX_BATCH_BYTES,
      depth: deps.store.depth,
      ...(deps.store.gather && { gather: deps.store.gather }),
    });
  }

  /** The routes of one sender. */
  routes(sender: DeviceAddress): Routes {
    return new Routes(sender, this.#names);
  }

  /**
   * @param done hears the result after the commit, or `unavailable` or `internal`: then the sender submits again, and
   *   loses nothing
   */
  submit(submission: Submission, done: (result: SubmitResult | Error) => void): void {
    const { sender, route, message } = submission;
    const digests = route.targets.map(({ dedupeKey }) => dedupeDigest(dedupeKey, message.id));
    this.#batcher.push({ sender, route, message, digests }, done);
  }

  settled(): Promise<void> {
    return this.#batcher.settled();
  }

  /** A retry that shares the batch with its original must see that one's outcome, so it waits for a round of its own. */
  async #write(queue: Prepared[]): Promise<(SubmitResult | RelayError)[]> {
    const { round, later } = firstRound(queue);
    if (later.length === 0) return this.#store(queue);
    const results = new Map<Prepared, SubmitResult | RelayError>();
    const keep = (part: Prepared[], outcomes: (SubmitResult | RelayError)[]) => {
      part.forEach((each, index) => results.set(each, outcomes[index] ?? new RelayError('internal')));
    };
    keep(round, await this.#store(round));
    keep(later, await this.#write(later));
    return queue.map((each) => results.get(each) ?? new RelayError('internal'));
  }

  /** Deadlocks and serialization failures are retried, then split; so is a batch that fails for reasons of its own. */
  async #store(round: Prepared[], isRetry = false): Promise<(SubmitResult | RelayError)[]> {
    const { clock, observer, quota } = this.#deps;
    const started = clock.now();
    const batch = toBatch(round, this.#names, started, quota());
    try {
      const outcomes = await this.#deps.store.submit(this.#app, batch);
      observer.committed?.('submit', batch.items.length, (clock.now() - started) / 1000);
      this.#ring(batch, outcomes);
      return assign(round, outcomes);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.code === 'unavailable')
        return round.map(() => new RelayError('unavailable', undefined, { cause: error }));
      if (error.code === 'conflict' && !isRetry) return this.#store(round, true);
      if (round.length === 1) {
        const code = error.code === 'conflict' ? 'unavailable' : 'internal';
        return round.map(() => new RelayError(code, undefined, { cause: error }));
      }
      const half = Math.ceil(round.length / 2);
      return [...(await this.#store(round.slice(0, half))), ...(await this.#store(round.slice(half)))];
    }
  }

  #ring(batch: SubmitBatch, outcomes: ItemOutcome[]): void {
    const byMailbox = new Map<MailboxId, Envelope[]>();
    const repeated = new Set<MailboxId>();
    batch.items.forEach((item, index) => {
      const outcome = outcomes[index];
      if (outcome?.outcome === 'duplicate') repeated.add(item.mailbox);
      const envelope = outcome?.outcome === 'stored' ? toEnvelope(batch, item, outcome.seq) : null;
      if (!envelope) return;
      const envelopes = byMailbox.get(item.mailbox);
      if (envelopes) envelopes.push(envelope);
      else byMailbox.set(item.mailbox, [envelope]);
    });
    for (const [mailbox, envelopes] of byMailbox) {
      envelopes.sort((a, b) => a.seq - b.seq);
      this.#deps.observer.stored?.(this.#app, mailbox, envelopes);
      this.#deps.switchboard.ring(mailbox, { kind: 'envelopes', envelopes });
    }
    for (const mailbox of repeated) this.#deps.switchboard.ring(mailbox, { kind: 'look' });
  }
}

/** No digest twice. The first 53 bits tell them apart; two that share them by chance are only written one after the other. */
function firstRound(queue: Prepared[]): { round: Prepared[]; later: Prepared[] } {
  const seen = new Set<number>();
  const round: Prepared[] = [];
  const later: Prepared[] = [];
  for (const each of queue) {
    const keys = each.digests.map(shortKey);
    const repeats = keys.some((key) => seen.has(key));
    if (!repeats) for (const key of keys) seen.add(key);
    (repeats ? later : round).push(each);
  }
  return { round, later };
}

function shortKey(digest: Buffer): number {
  return (digest.readUInt32LE(0) & 0x1fffff) * 2 ** 32 + digest.readUInt32LE(4);
}

function weigh({ message, digests }: Prepared): number {
  let weight = digests.length * ITEM_WEIGHT;
  for (const { length } of message.payloads) weight += length;
  return weight;
}

function toBatch(round: Prepared[], names: MailboxNames, now: number, quota: Quota): SubmitBatch {
  const batch: SubmitBatch = { now, quota, sealings: sealingsOf(round, names), submits: [], payloads: [], items: [] };
  for (const { sender, route, message, digests } of round) {
    const firstPayload = batch.payloads.length;
    const submit = batch.submits.push({ sender, id: message.id, lists: route.lists }) - 1;
    for (const payload of message.payloads) batch.payloads.push(payload);
    for (const [index, digest] of digests.entries()) {
      const target = route.targets[index];
      if (!target) throw new Error('A submission has a digest for each target.');
      batch.items.push({ submit, mailbox: target.mailbox, digest, payload: firstPayload + target.payload });
    }
  }
  return batch;
}

/** One row for each sender, however many submits of theirs the batch holds. */
function sealingsOf(round: Prepared[], names: MailboxNames): SealingCount[] {
  const highest = new Map<MailboxId, SealingCount>();
  for (const { sender, message } of round) {
    const mailbox = names.mailbox(sender);
    const known = highest.get(mailbox);
    if (!known) highest.set(mailbox, { user: sender.user, mailbox, count: message.sealing });
    else if (known.count < message.sealing) known.count = message.sealing;
  }
  return [...highest.values()];
}

function toEnvelope(batch: SubmitBatch, item: BatchItem, seq: number): Envelope | null {
  const submit = batch.submits[item.submit];
  const payload = batch.payloads[item.payload];
  if (!submit || !payload) return null;
  const { user, device, registration } = submit.sender;
  return { seq, id: submit.id, user, device, registration, at: batch.now, payload };
}

function assign(round: Prepared[], outcomes: ItemOutcome[]): SubmitResult[] {
  let at = 0;
  return round.map(({ digests }) => {
    const own: Outcome[] = [];
    let isStale = false;
    for (const end = at + digests.length; at < end; at++) {
      const outcome = outcomes[at]?.outcome ?? 'stale';
      if (outcome === 'stale') isStale = true;
      else own.push(outcome);
    }
    return isStale ? 'stale' : own;
  });
}
