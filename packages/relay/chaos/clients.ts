import type { Cursor, Envelope, SubmitReply } from '@sotto/protocol';
import type { Socket } from 'socket.io-client';

import { helloOf, messageTo, open, random, type TestDevice } from '../test/support/device.js';

/** How long a client waits for an answer before it takes the connection for dead. */
const PATIENCE_MS = 3_000;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A device that keeps connecting to one of the nodes, each time with a higher epoch. */
class Client {
  protected socket: Socket | null = null;
  readonly device: TestDevice;
  readonly #nodes: readonly string[];
  readonly #pick: () => number;
  #epoch = 0;
  stopped = false;

  constructor(device: TestDevice, nodes: readonly string[], pick: () => number) {
    this.device = device;
    this.#nodes = nodes;
    this.#pick = pick;
  }

  /** Ends the connection without a word, as a network does. */
  cut(): void {
    this.socket?.io.engine.close();
  }

  stop(): void {
    this.stopped = true;
    this.socket?.disconnect();
  }

  protected async connected(cursor: Cursor, prepare?: (socket: Socket) => void): Promise<Socket | null> {
    if (this.socket?.connected) return this.socket;
    const url = this.#nodes[Math.floor(this.#pick() * this.#nodes.length)] ?? '';
    const socket = open(url, helloOf(this.device, { epoch: ++this.#epoch, cursor }));
    this.socket = socket;
    prepare?.(socket);
    const isOpen = await Promise.race([
      new Promise<boolean>((resolve) => {
        socket.once('connect', () => {
          resolve(true);
        });
        socket.once('connect_error', () => {
          resolve(false);
        });
      }),
      pause(PATIENCE_MS).then(() => false),
    ]);
    if (isOpen) return socket;
    socket.disconnect();
    await pause(50);
    return null;
  }
}

/** Sends one message after the other, each until it is answered, and notes the answered ones. */
export class Sender extends Client {
  readonly acknowledged: string[] = [];

  async run(recipient: TestDevice): Promise<void> {
    while (!this.stopped) {
      const { id, payloads, recipients } = messageTo(recipient, { payload: random(200) });
      const message = { id: Buffer.from(id), payloads: payloads.map((payload) => Buffer.from(payload)), recipients };
      // Also after the end of the faults: a message whose fate is unknown is sent until it is known.
      while (!(await this.#attempt(message)));
      this.acknowledged.push(message.id.toString('hex'));
    }
    this.stop();
  }

  async #attempt(message: object): Promise<boolean> {
    const socket = await this.connected({ seq: 0, id: null });
    if (!socket) return false;
    try {
      const reply = (await socket.timeout(PATIENCE_MS).emitWithAck('submit', message)) as SubmitReply;
      if (reply.ok && ['stored', 'duplicate'].includes(reply.outcomes[0] ?? '')) return true;
      await pause(50);
    } catch {
      socket.disconnect();
    }
    return false;
  }
}

/** Receives and acknowledges, and checks the order as it goes. */
export class Receiver extends Client {
  readonly received: string[] = [];
  readonly violations: string[] = [];
  #cursor: Cursor = { seq: 0, id: null };

  async run(): Promise<void> {
    while (!this.stopped) {
      await this.connected(this.#cursor, (socket) => {
        socket.on('welcome', ({ verdict }: { verdict: string }) => {
          if (verdict !== 'ok') this.violations.push(`verdict ${verdict} at ${this.#cursor.seq}`);
        });
        socket.on('deliver', ({ first, envelopes }: { first: number; envelopes: Envelope[] }) => {
          this.#take(socket, first, envelopes);
        });
      });
      await pause(20);
    }
  }

  #take(socket: Socket, first: number, envelopes: Envelope[]): void {
    if (socket !== this.socket) return;
    if (first > this.#cursor.seq + 1) this.violations.push(`lost up to ${first - 1} at ${this.#cursor.seq}`);
    for (const { seq, id } of envelopes) {
      // Delivery is at least once: what the cursor covers may come again.
      if (seq <= this.#cursor.seq) continue;
      if (seq !== this.#cursor.seq + 1) this.violations.push(`${seq} after ${this.#cursor.seq}`);
      this.received.push(Buffer.from(id).toString('hex'));
      this.#cursor = { seq, id };
    }
    const { seq, id } = this.#cursor;
    if (id) socket.emit('ack', { seq, id: Buffer.from(id) }, () => undefined);
  }
}
