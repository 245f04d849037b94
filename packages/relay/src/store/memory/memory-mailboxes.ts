import type { Aci, AppId, Envelope } from '@sotto/protocol';

import type { DeviceAddress, MailboxId } from '../../mailbox/mailbox-id.js';
import { equalBytes } from '../../directory/bytes.js';
import type {
  AckItem,
  BatchItem,
  ItemOutcome,
  MailboxPage,
  MailboxState,
  Quota,
  SubmitBatch,
  SweepPolicy,
} from '../store.js';

interface Box {
  app: AppId;
  address: DeviceAddress;
  listed: boolean;
  head: number;
  acked: { seq: number; id: Uint8Array | null };
  sealings: number;
  envelopes: Envelope[];
  /** Digest (hex) to an upper bound of the seq. */
  dedupes: Map<string, number>;
  mark: { seq: number; at: number };
}

/** Mailboxes in memory, with the semantics of the SQL statements. */
export class MemoryMailboxes {
  readonly #boxes = new Map<MailboxId, Box>();

  add(app: AppId, mailbox: MailboxId, address: DeviceAddress): void {
    this.#boxes.set(mailbox, {
      app,
      address,
      listed: false,
      head: 0,
      acked: { seq: 0, id: null },
      sealings: 0,
      envelopes: [],
      dedupes: new Map(),
      mark: { seq: 0, at: 0 },
    });
  }

  remove(mailbox: MailboxId): void {
    this.#boxes.delete(mailbox);
  }

  of(app: AppId): MailboxId[] {
    return [...this.#boxes].filter(([, box]) => box.app === app).map(([mailbox]) => mailbox);
  }

  list(mailbox: MailboxId): void {
    const box = this.#boxes.get(mailbox);
    if (box) box.listed = true;
  }

  submit(app: AppId, batch: SubmitBatch, currentVersion: (user: Aci) => number): ItemOutcome[] {
    for (const { mailbox, count } of batch.sealings) {
      const box = this.#box(app, mailbox);
      if (box) box.sealings = Math.max(box.sealings, count);
    }
    const stale = batch.submits.map(({ lists }) => lists.some(({ user, version }) => currentVersion(user) !== version));
    return batch.items.map((item) => (stale[item.submit] ? { outcome: 'stale' } : this.#store(app, batch, item)));
  }

  ack(app: AppId, { mailbox, seq, id }: AckItem): boolean {
    const box = this.#box(app, mailbox);
    if (!box || seq > box.head) return false;
    const standing = box.envelopes.find((envelope) => envelope.seq === seq);
    if (standing && !equalBytes(standing.id, id)) return false;
    if (seq <= box.acked.seq) return true;
    box.acked = { seq, id };
    box.envelopes = box.envelopes.filter((envelope) => envelope.seq > seq);
    return true;
  }

  state(app: AppId, mailbox: MailboxId): MailboxState | null {
    const box = this.#box(app, mailbox);
    if (!box) return null;
    const { address, head, acked, sealings } = box;
    return { address, head, acked, sealings, first: firstOf(box) };
  }

  idAt(app: AppId, mailbox: MailboxId, seq: number): Uint8Array | null {
    return this.#box(app, mailbox)?.envelopes.find((envelope) => envelope.seq === seq)?.id ?? null;
  }

  read(app: AppId, mailbox: MailboxId, after: number, limit: Quota): MailboxPage | null {
    const box = this.#box(app, mailbox);
    if (!box) return null;
    const envelopes: Envelope[] = [];
    let bytes = 0;
    for (const envelope of box.envelopes) {
      if (envelope.seq <= after) continue;
      bytes += envelope.payload.length;
      if (envelopes.length === limit.envelopes || (envelopes.length > 0 && bytes > limit.bytes)) break;
      envelopes.push(envelope);
    }
    return { first: firstOf(box), head: box.head, envelopes };
  }

  sweep({ now, retentionMs, retentionMsOf, dedupeMs }: SweepPolicy): number {
    let expired = 0;
    for (const box of this.#boxes.values()) {
      const last = box.envelopes.findLast(({ at }) => at < now - (retentionMsOf?.get(box.app) ?? retentionMs));
      if (last) {
        const before = box.envelopes.length;
        box.envelopes = box.envelopes.filter(({ seq }) => seq > last.seq);
        expired += before - box.envelopes.length;
      }
      if (box.mark.at > now - dedupeMs) continue;
      for (const [digest, upto] of box.dedupes) if (upto <= box.mark.seq) box.dedupes.delete(digest);
      box.mark = { seq: box.head - box.envelopes.length, at: now };
    }
    return expired;
  }

  held(): number {
    return [...this.#boxes.values()].reduce((total, { envelopes }) => total + envelopes.length, 0);
  }

  *all(app: AppId): Iterable<{ mailbox: DeviceAddress; envelope: Envelope }> {
    for (const box of this.#boxes.values()) {
      if (box.app === app) for (const envelope of box.envelopes) yield { mailbox: box.address, envelope };
    }
  }

  #box(app: AppId, mailbox: MailboxId): Box | null {
    const box = this.#boxes.get(mailbox);
    return box?.app === app ? box : null;
  }

  #store(app: AppId, { submits, payloads, quota, now }: SubmitBatch, item: BatchItem): ItemOutcome {
    const box = this.#box(app, item.mailbox);
    const submit = submits[item.submit];
    const payload = payloads[item.payload];
    if (!submit || !payload) throw new Error('A batch names a submit or payload that it does not hold.');
    if (!box?.listed) return { outcome: 'device-gone' };
    const digest = Buffer.from(item.digest).toString('hex');
    if (box.dedupes.has(digest)) return { outcome: 'duplicate' };
    if (isFull(box, submit.sender.user, payload.length, quota)) return { outcome: 'mailbox-full' };
    box.head += 1;
    box.dedupes.set(digest, box.head);
    box.envelopes.push({ seq: box.head, id: submit.id, ...submit.sender, at: now, payload });
    return { outcome: 'stored', seq: box.head };
  }
}

function firstOf(box: Box): number {
  return box.envelopes[0]?.seq ?? box.head + 1;
}

function isFull(box: Box, sender: Aci, size: number, quota: Quota): boolean {
  const exceeds = (envelopes: Envelope[], count: number, bytes: number) =>
    envelopes.length + 1 > count || sizeOf(envelopes) + size > bytes;
  if (exceeds(box.envelopes, quota.envelopes, quota.bytes)) return true;
  if (sender === box.address.user) return false;
  const own = box.envelopes.filter(({ user }) => user === sender);
  const count = Math.max(Math.floor(quota.envelopes / 10), 1);
  return exceeds(own, count, Math.max(Math.floor(quota.bytes / 10), size));
}

function sizeOf(envelopes: Envelope[]): number {
  return envelopes.reduce((total, { payload }) => total + payload.length, 0);
}
