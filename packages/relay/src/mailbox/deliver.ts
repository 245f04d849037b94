import { Buffer } from 'node:buffer';

import { limits, type Deliver, type Envelope } from '@sotto/protocol';

import type { MailboxPage, Quota } from '../store/store.js';

export interface DeliveryPort {
  /** The next envelopes after a seq; null when the mailbox is gone. */
  read(after: number, limit: Quota): Promise<MailboxPage | null>;
  deliver(message: Deliver): void;
  drained(head: number): void;
  /** How far the mailbox reaches as it is stored now, and the id at a seq if that is known; null when the mailbox is gone. */
  standing(seq: number): Promise<{ head: number; id: Uint8Array | null } | null>;
  /** The mailbox is not the one any more from which was delivered: its database was put back. Nothing follows. */
  rolledBack(): void;
  /** The store could not be read; delivery rests until `again`. */
  failed(error: unknown, again: () => void): void;
}

/**
 * Sends one mailbox to one socket, in `seq` order without gaps, within a window of unacknowledged envelopes. Holds no
 * payloads: what does not fit at once is read from the store when there is room, so a slow consumer costs no memory.
 *
 *     caught up (sent = known) --ring continues sent, room--> emit, caught up
 *     caught up --ring with a gap, or no room; poke--> behind (sent < known)
 *     behind --room: read a page, emit--> behind | caught up: emit `drained`
 *     behind --no room--> waits for an ack
 *     any --look--> behind
 *     any --the store has less than was sent--> closed: `rolledBack`
 *     any --ring of another envelope at or below sent--> the store is asked what stands there, and nothing is sent meanwhile
 *
 * The last two are a database that was put back: places that the device has had are given out again, and what stands in
 * them now would never reach it.
 */
export class Delivery {
  readonly #port: DeliveryPort;
  /** Highest seq emitted, and highest known to exist. */
  #sent: number;
  #known: number;
  #first: number;
  /** Of the envelope at `sent`; null: unknown. */
  #sentMark: number | null;
  /** Emitted and not acknowledged: seq, size and mark. */
  #unacked: { seq: number; bytes: number; mark: number }[] = [];
  #unackedBytes = 0;
  /** A read is owed whatever `known` says: the first one, or one that failed. */
  #owed = true;
  #reading = false;
  /** Reading has failed: whatever comes is only noted until it is time to try again. */
  #resting = false;
  /** The store is asked whether it still has what was sent. */
  #doubting = false;
  #closed = false;

  /** @param start.id of the envelope at `after`, if it is known */
  constructor(port: DeliveryPort, start: { after: number; first: number; id?: Uint8Array | null }) {
    this.#port = port;
    this.#sent = start.after;
    this.#known = start.after;
    this.#first = start.first;
    this.#sentMark = start.id ? markOf(start.id) : null;
  }

  /** The first read always happens: it finds the backlog, or tells the client that there is none. */
  start(): void {
    void this.#pump();
  }

  /** Envelopes that were just stored, ascending. */
  ring(envelopes: readonly Envelope[]): void {
    if (this.#closed) return;
    if (envelopes.some((envelope) => envelope.seq <= this.#sent && !this.#hasSent(envelope))) void this.#doubt();
    const fresh = envelopes.filter(({ seq }) => seq > this.#sent);
    const last = fresh.at(-1);
    if (!last) return;
    const continues = fresh.every(({ seq }, index) => seq === this.#sent + 1 + index);
    if (continues && !this.#reading && !this.#doubting && !this.#behind && this.#fits(fresh)) {
      this.#known = last.seq;
      this.#emit(fresh, 0);
    } else {
      this.poke(last.seq);
    }
  }

  /** The mailbox is known to reach up to `head`. */
  poke(head: number): void {
    this.#known = Math.max(this.#known, head);
    void this.#pump();
  }

  /** Something may have been stored that nobody rang for. */
  look(): void {
    this.#owed = true;
    void this.#pump();
  }

  acked(seq: number): void {
    while (this.#unacked[0] && this.#unacked[0].seq <= seq) this.#unackedBytes -= this.#unacked.shift()?.bytes ?? 0;
    this.#first = Math.max(this.#first, seq + 1);
    void this.#pump();
  }

  /** Highest seq emitted. */
  get sent(): number {
    return this.#sent;
  }

  /** Envelopes from the first that is held up to the last that is known. */
  get backlog(): number {
    return Math.max(0, this.#known - this.#first + 1);
  }

  close(): void {
    this.#closed = true;
  }

  async #pump(): Promise<void> {
    if (this.#reading || this.#resting) return;
    this.#reading = true;
    try {
      while (!this.#closed && !this.#doubting && this.#behind && this.#room().envelopes > 0) await this.#readPage();
    } catch (error) {
      this.#rest(error);
    } finally {
      this.#reading = false;
    }
  }

  #rest(error: unknown): void {
    this.#owed = true;
    this.#resting = true;
    this.#port.failed(error, () => {
      this.#resting = false;
      void this.#pump();
    });
  }

  /** A ring may be late: of what was acknowledged meanwhile nobody here knows the ids any more. */
  #hasSent({ seq, id }: Envelope): boolean {
    return this.#unacked.find((each) => each.seq === seq)?.mark === markOf(id);
  }

  async #doubt(): Promise<void> {
    if (this.#doubting) return;
    this.#doubting = true;
    try {
      const standing = await this.#port.standing(this.#sent);
      if (this.#closed) return;
      if (standing && !this.#isAsSent(standing)) {
        this.#endRolledBack();
        return;
      }
      this.#doubting = false;
      void this.#pump();
    } catch (error) {
      this.#port.failed(error, () => {
        this.#doubting = false;
        if (!this.#closed) void this.#doubt();
      });
    }
  }

  #isAsSent({ head, id }: { head: number; id: Uint8Array | null }): boolean {
    if (head < this.#sent) return false;
    return id === null || this.#sentMark === null || markOf(id) === this.#sentMark;
  }

  #endRolledBack(): void {
    this.close();
    this.#port.rolledBack();
  }

  get #behind(): boolean {
    return this.#owed || this.#sent < this.#known;
  }

  async #readPage(): Promise<void> {
    // Before the read: a look that comes meanwhile wants another.
    this.#owed = false;
    const known = this.#known;
    const page = await this.#port.read(this.#sent, this.#room());
    if (!page) this.close();
    if (this.#closed || !page) return;
    if (page.head < this.#sent) {
      this.#endRolledBack();
      return;
    }
    if (this.#doubting) {
      this.#owed = true;
      return;
    }
    this.#first = Math.max(this.#first, page.first);
    const last = page.envelopes.at(-1);
    // What was known of a mailbox may have been lost in a crash: then nothing above comes, and nothing is waited for.
    this.#known = last || this.#known > known ? Math.max(this.#known, page.head) : page.head;
    if (last) this.#emit(page.envelopes, page.head - last.seq);
    // Nothing held above: whatever was there has expired, and `first` says so.
    else this.#skipTo(page.head);
    if (this.#sent >= this.#known) this.#port.drained(this.#sent);
  }

  #skipTo(head: number): void {
    if (head > this.#sent) this.#sentMark = null;
    this.#sent = Math.max(this.#sent, head);
  }

  #room(): Quota {
    const bytes = limits.DELIVERY_WINDOW_BYTES - this.#unackedBytes;
    const envelopes = bytes > 0 ? limits.DELIVERY_WINDOW_ENVELOPES - this.#unacked.length : 0;
    return {
      envelopes: Math.min(envelopes, limits.DELIVERY_BATCH_ENVELOPES),
      bytes: Math.min(bytes, limits.DELIVERY_BATCH_BYTES),
    };
  }

  #fits(envelopes: readonly Envelope[]): boolean {
    const room = this.#room();
    const bytes = envelopes.reduce((total, { payload }) => total + payload.length, 0);
    return envelopes.length <= room.envelopes && bytes <= room.bytes;
  }

  #emit(envelopes: readonly Envelope[], left: number): void {
    for (const { seq, id, payload } of envelopes) {
      const mark = markOf(id);
      this.#unacked.push({ seq, bytes: payload.length, mark });
      this.#unackedBytes += payload.length;
      this.#sent = seq;
      this.#sentMark = mark;
    }
    this.#port.deliver({ first: this.#first, envelopes: envelopes.map(toWire), left });
  }
}

/** 48 bits tell the ids apart; to keep them whole would keep the larger buffers of which they are parts. */
function markOf(id: Uint8Array): number {
  return asBuffer(id).readUIntBE(0, 6);
}

/** The MessagePack encoder writes a `Buffer` as `bin`, but a plain `Uint8Array` as something else. */
function toWire(envelope: Envelope): Envelope {
  return { ...envelope, id: asBuffer(envelope.id), payload: asBuffer(envelope.payload) };
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
