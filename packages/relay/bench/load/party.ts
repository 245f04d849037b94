import type { Submit } from '@sotto/protocol';

import { FIRST_ID, Wire } from './wire.js';
import type { Encodable } from './msgpack.js';

export const PAYLOAD_BYTES = 400;

/** What a device needs to connect. Travels between processes. */
export interface Login {
  url: string;
  hello: Encodable;
}

/** Milliseconds on the machine's own clock, which all processes share. */
export function now(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** `[ [seq, id, payload], ...]` of a `deliver`, read leniently. */
interface Delivered {
  envelopes: { seq: number; id: Buffer; payload: Buffer }[];
}

/** One device under load: submits, receives, acknowledges at once, and notes how long messages took. */
export class Party {
  /** Milliseconds from submit to delivery, of what this party received. */
  latencies: number[] = [];
  /** When each of them was submitted, on the machine's clock. */
  times: number[] = [];
  stored = 0;
  received = 0;
  acked = 0;
  /** Answers that are neither stored nor acknowledged, and lost connections. */
  readonly failures: string[] = [];
  /** Refusals are expected: they are no failures. */
  tolerant = false;
  #wire: Wire | null = null;
  #nextId = FIRST_ID;
  readonly #submits = new Map<number, (stored: boolean) => void>();
  readonly #acks = new Map<number, number>();
  #submit: { packet: Buffer; idAt: number; payloadAt: number; packetIdAt: number } | null = null;
  readonly #ack = patchable(Wire.packet('ack', { seq: FIRST_ID, id: Buffer.alloc(16, 0xa5) }), 16);

  async connect({ url, hello }: Login): Promise<void> {
    const { wire, opened } = Wire.open(url, hello, {
      event: (name, message) => {
        if (name === 'deliver') this.#delivered(message as Delivered);
        else if (name === 'bye') this.failures.push(`bye: ${JSON.stringify(message)}`);
      },
      reply: (id, answer) => {
        this.#replied(id, answer as { ok: boolean; outcomes?: string[] });
      },
      closed: (why) => this.failures.push(why),
    });
    this.#wire = wire;
    await opened;
  }

  /** The recipients of all submits from now on. */
  writeTo(recipients: Submit['recipients']): void {
    const payload = Buffer.alloc(PAYLOAD_BYTES, 0xb6);
    const packet = Wire.packet('submit', {
      id: Buffer.alloc(16, 0xa5),
      sealing: 0,
      payloads: [payload],
      recipients: recipients as unknown as Encodable,
    });
    const { idAt, packetIdAt } = patchable(packet, 16);
    this.#submit = { packet, idAt, packetIdAt, payloadAt: packet.indexOf(payload) };
  }

  /** @param text the payload's bytes after the time; @param at when the message counts as sent */
  submit(id: Buffer, text: Buffer, at: number, done: (stored: boolean) => void): void {
    if (!this.#submit) throw new Error('writeTo comes first');
    const { packet, idAt, payloadAt, packetIdAt } = this.#submit;
    const packetId = this.#nextId++;
    packet.writeUInt32BE(packetId, packetIdAt);
    id.copy(packet, idAt);
    text.copy(packet, payloadAt);
    packet.writeDoubleBE(at, payloadAt);
    this.#submits.set(packetId, done);
    this.#wire?.send(packet);
  }

  close(): void {
    this.#wire?.close();
    this.#wire = null;
  }

  #replied(id: number, answer: { ok: boolean; outcomes?: string[] }): void {
    const seqs = this.#acks.get(id);
    if (seqs !== undefined) {
      this.#acks.delete(id);
      if (answer.ok) this.acked += seqs;
      else if (!this.tolerant) this.failures.push(JSON.stringify(answer));
      return;
    }
    const done = this.#submits.get(id);
    this.#submits.delete(id);
    const outcomes = answer.outcomes ?? [];
    const stored = outcomes.filter((outcome) => outcome === 'stored').length;
    this.stored += stored;
    const isThere = answer.ok && outcomes.every((outcome) => outcome === 'stored' || outcome === 'duplicate');
    if (!this.tolerant && stored !== outcomes.length) this.failures.push(JSON.stringify(answer).slice(0, 200));
    done?.(isThere);
  }

  #delivered({ envelopes }: Delivered): void {
    const time = now();
    for (const { payload } of envelopes) {
      const at = payload.readDoubleBE(0);
      this.times.push(at);
      this.latencies.push(time - at);
    }
    this.received += envelopes.length;
    const last = envelopes.at(-1);
    if (!last) return;
    const { packet, idAt, packetIdAt, seqAt } = this.#ack;
    const packetId = this.#nextId++;
    packet.writeUInt32BE(packetId, packetIdAt);
    packet.writeUInt32BE(last.seq, seqAt);
    last.id.copy(packet, idAt);
    this.#acks.set(packetId, envelopes.length);
    this.#wire?.send(packet);
  }
}

/** Where a packet made with the placeholders `FIRST_ID` and 0xa5... holds its packet id, its seq and its envelope id. */
function patchable(packet: Buffer, idBytes: number) {
  const number = Buffer.alloc(5, 0xce);
  number.writeUInt32BE(FIRST_ID, 1);
  const packetIdAt = packet.indexOf(number) + 1;
  return {
    packet,
    packetIdAt,
    seqAt: packet.indexOf(number, packetIdAt) + 1,
    idAt: packet.indexOf(Buffer.alloc(idBytes, 0xa5)),
  };
}
