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
  type SubmitBatch,
} from '../store/store.js';
import { Batcher } from './batcher.js';
import { MailboxNames, type DeviceAddress, type MailboxId } from './mailbox-id.js';
import type { Switchboard } from './switchboard.js';

/** A batch ends at this size: beyond it a longer statement gains nothing, and the first sender waits too long. */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;
/** What an item costs besides its payload, so that many small ones end a batch too. */
const ITEM_WEIGHT = 4 * 1024;

export interface Submission {
  sender: DeviceAddress;
  message: Submit;
}

/** Per recipient device in order, or: the lists have changed meanwhile, and nothing was stored. */
export type SubmitResult = Outcome[] | 'stale';

/** A submission with its items; `key` (the digest as text) tells retries of one envelope. */
interface Prepared extends Submission {
  items: { key: string; mailbox: MailboxId; digest: Uint8Array; payload: number }[];
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
    });
  }

  /** Resolves after the commit. Rejects with `unavailable` or `internal`: then the sender submits again, and loses nothing. */
  submit(submission: Submission): Promise<SubmitResult> {
    return this.#batcher.add(this.#prepare(submission));
  }

  settled(): Promise<void> {
    return this.#batcher.settled();
  }

  #prepare({ sender, message }: Submission): Prepared {
    const items: Prepared['items'] = [];
    for (const { user, devices } of message.recipients) {
      for (const { device, registration, payload } of devices) {
        const mailbox = this.#names.mailbox({ user, device, registration });
        const digest = this.#names.digest(mailbox, sender, message.id);
        items.push({ key: digest.toString('latin1'), mailbox, digest, payload });
      }
    }
    return { sender, message, items };
  }

  /** A retry that shares the batch with its original must see that one's outcome, so it waits for a round of its own. */
  async #write(queue: Prepared[]): Promise<(SubmitResult | RelayError)[]> {
    const results = new Map<Prepared, SubmitResult | RelayError>();
    let rest = queue;
    while (rest.length > 0) {
      const seen = new Set<string>();
      const round: Prepared[] = [];
      const later: Prepared[] = [];
      for (const each of rest) {
        const repeats = each.items.some(({ key }) => seen.has(key));
        if (!repeats) for (const { key } of each.items) seen.add(key);
        (repeats ? later : round).push(each);
      }
      for (const [each, result] of await this.#store(round)) results.set(each, result);
      rest = later;
    }
    return queue.map((each) => results.get(each) ?? new RelayError('internal'));
  }

  /** Deadlocks and serialization failures are retried, then split; so is a batch that fails for reasons of its own. */
  async #store(round: Prepared[], isRetry = false): Promise<[Prepared, SubmitResult | RelayError][]> {
    const { clock, observer, quota } = this.#deps;
    const started = clock.now();
    const batch = toBatch(round, started, quota());
    try {
      const outcomes = await this.#deps.store.submit(this.#app, batch);
      observer.committed?.('submit', batch.items.length, (clock.now() - started) / 1000);
      this.#ring(batch, outcomes);
      return assign(round, outcomes);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      if (error.code === 'unavailable')
        return round.map((each) => [each, new RelayError('unavailable', undefined, { cause: error })]);
      if (error.code === 'conflict' && !isRetry) return this.#store(round, true);
      if (round.length === 1) {
        const code = error.code === 'conflict' ? 'unavailable' : 'internal';
        return round.map((each) => [each, new RelayError(code, undefined, { cause: error })]);
      }
      const half = Math.ceil(round.length / 2);
      return [...(await this.#store(round.slice(0, half))), ...(await this.#store(round.slice(half)))];
    }
  }

  #ring(batch: SubmitBatch, outcomes: ItemOutcome[]): void {
    const byMailbox = new Map<MailboxId, Envelope[]>();
    batch.items.forEach((item, index) => {
      const outcome = outcomes[index];
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
  }
}

function weigh({ message, items }: Prepared): number {
  return message.payloads.reduce((total, payload) => total + payload.length, items.length * ITEM_WEIGHT);
}

function toBatch(round: Prepared[], now: number, quota: Quota): SubmitBatch {
  const batch: SubmitBatch = { now, quota, submits: [], payloads: [], items: [] };
  for (const { sender, message, items } of round) {
    const firstPayload = batch.payloads.length;
    const submit = batch.submits.length;
    batch.submits.push({
      sender,
      id: message.id,
      lists: message.recipients.filter(({ complete }) => complete).map(({ user, list }) => ({ user, version: list })),
    });
    batch.payloads.push(...message.payloads);
    for (const { mailbox, digest, payload } of items)
      batch.items.push({ submit, mailbox, digest, payload: firstPayload + payload });
  }
  return batch;
}

function toEnvelope(batch: SubmitBatch, item: BatchItem, seq: number): Envelope | null {
  const submit = batch.submits[item.submit];
  const payload = batch.payloads[item.payload];
  return submit && payload ? { seq, id: submit.id, ...submit.sender, at: batch.now, payload } : null;
}

function assign(round: Prepared[], outcomes: ItemOutcome[]): [Prepared, SubmitResult][] {
  let at = 0;
  return round.map((each) => {
    const own = outcomes.slice(at, (at += each.items.length)).map(({ outcome }) => outcome);
    return [each, own.includes('stale') ? 'stale' : own.filter((outcome) => outcome !== 'stale')];
  });
}
