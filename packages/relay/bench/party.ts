import { randomFillSync } from 'node:crypto';

import type { Envelope, Submit, SubmitReply } from '@sotto/protocol';

import type { TestSocket } from '../test/support/device.js';

const PAYLOAD_BYTES = 400;

/** One client under load: submits, receives, acknowledges, and notes how long messages took. All share one clock. */
export class Party {
  /** Milliseconds from submit to delivery, of what this party received. */
  readonly latencies: number[] = [];
  sent = 0;
  readonly #socket: TestSocket;
  readonly #message: (payload: Uint8Array) => Submit;

  constructor(socket: TestSocket, message: (payload: Uint8Array) => Submit) {
    this.#socket = socket;
    this.#message = message;
    // The checking listener of the tests would be most of the load.
    socket.socket.offAny();
    socket.socket.on('deliver', ({ envelopes }: { envelopes: Envelope[] }) => {
      this.#received(envelopes);
    });
  }

  async keepOpen(outstanding: number, deadline: number): Promise<void> {
    const work = async () => {
      while (performance.now() < deadline) await this.submit();
    };
    await Promise.all(Array.from({ length: outstanding }, work));
  }

  /** The payload begins with the time. */
  async submit(): Promise<void> {
    const payload = randomFillSync(Buffer.allocUnsafe(PAYLOAD_BYTES));
    payload.writeDoubleBE(performance.now());
    const { id, recipients } = this.#message(payload);
    const reply = (await this.#socket.socket.emitWithAck('submit', {
      id,
      payloads: [payload],
      recipients,
    })) as SubmitReply;
    if (!reply.ok || reply.outcomes[0] !== 'stored') throw new Error(`not stored: ${JSON.stringify(reply)}`);
    this.sent++;
  }

  close(): Promise<void> {
    this.#socket.close();
    return Promise.resolve();
  }

  #received(envelopes: Envelope[]): void {
    const now = performance.now();
    for (const { payload } of envelopes) this.latencies.push(now - Buffer.from(payload).readDoubleBE());
    const last = envelopes.at(-1);
    if (last) this.#socket.socket.emit('ack', { seq: last.seq, id: Buffer.from(last.id) }, () => undefined);
  }
}
