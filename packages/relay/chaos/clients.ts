import { createHash } from 'node:crypto';

import type { Cursor, Envelope, Outcome, SubmitReply, Welcome } from '@sotto/protocol';
import type { Socket } from 'socket.io-client';

import { helloOf, open, random, type TestDevice } from '../test/support/device.js';
import type { Note } from './history.js';

/** How long a client waits for an answer before it takes the connection for dead. */
const PATIENCE_MS = 3_000;

/** Between two messages of one sender: the load is there for the faults, not for its own sake. */
const PACE_MS = 15;

/** One message in so many is submitted again after its answer, over the other node. */
const REPEAT_EVERY = 30;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const digestOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('base64');

/** What a client needs of its surroundings. */
export interface Surroundings {
  /** Addresses of the nodes, as a load balancer knows them. */
  nodes: readonly string[];
  note: Note;
}

/** A device that keeps connecting, each time to the next node and with a higher epoch. */
class Client {
  protected socket: Socket | null = null;
  readonly device: TestDevice;
  protected readonly surroundings: Surroundings;
  protected connection = 0;
  isStopped = false;

  constructor(device: TestDevice, surroundings: Surroundings) {
    this.device = device;
    this.surroundings = surroundings;
    // Half of the devices begin at each node.
    this.connection = device.name.charCodeAt(device.name.length - 1);
  }

  get name(): string {
    return this.device.name;
  }

  /** The one to which it last connected. */
  protected get node(): number {
    return this.connection % this.surroundings.nodes.length;
  }

  /** Ends the connection without a word, as a network does. */
  cut(): void {
    this.socket?.io.engine.close();
  }

  stop(): void {
    this.isStopped = true;
    this.socket?.disconnect();
  }

  protected async connected(cursor: Cursor, prepare?: (socket: Socket) => void): Promise<Socket | null> {
    if (this.socket?.connected) return this.socket;
    this.connection++;
    const url = this.surroundings.nodes[this.node] ?? '';
    const socket = open(url, helloOf(this.device, { epoch: this.connection, cursor }));
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

interface Message {
  id: Buffer;
  sealing: number;
  payloads: Buffer[];
  recipients: object[];
}

/** Sends one message after the other to all its recipients, each until it is answered. */
export class Sender extends Client {
  readonly #recipients: readonly TestDevice[];
  sent = 0;
  /** How many of its submits each node has answered. */
  readonly answeredBy: number[];

  constructor(device: TestDevice, recipients: readonly TestDevice[], surroundings: Surroundings) {
    super(device, surroundings);
    this.#recipients = recipients;
    this.answeredBy = surroundings.nodes.map(() => 0);
  }

  async run(): Promise<void> {
    while (!this.isStopped) {
      const message = this.#newMessage();
      await this.#untilAnswered(message);
      this.sent++;
      if (this.sent % REPEAT_EVERY === 0) {
        this.socket?.disconnect();
        await this.#untilAnswered(message);
      }
      await pause(PACE_MS);
    }
    this.stop();
  }

  #newMessage(): Message {
    const content = Buffer.from(random(200));
    const message = {
      id: Buffer.from(random(16)),
      sealing: this.sent,
      payloads: [content],
      recipients: this.#recipients.map(({ user, listVersion, device, registration }) => ({
        user,
        list: listVersion,
        complete: true,
        devices: [{ device, registration, payload: 0 }],
      })),
    };
    this.surroundings.note({
      kind: 'submitted',
      sender: this.name,
      message: hex(message.id),
      recipients: this.#recipients.map(({ name }) => name),
      content: digestOf(content),
    });
    return message;
  }

  /** Also after the end of the faults: a message whose fate is unknown is sent until it is known. */
  async #untilAnswered(message: Message): Promise<void> {
    for (;;) {
      const outcomes = await this.#attempt(message);
      if (!outcomes) continue;
      const byName = Object.fromEntries(this.#recipients.map(({ name }, at) => [name, outcomes[at] ?? 'device-gone']));
      this.surroundings.note({ kind: 'answered', message: hex(message.id), outcomes: byName });
      this.answeredBy[this.node] = (this.answeredBy[this.node] ?? 0) + 1;
      return;
    }
  }

  async #attempt(message: Message): Promise<Outcome[] | null> {
    const socket = await this.connected({ seq: 0, id: null });
    if (!socket) return null;
    try {
      const reply = (await socket.timeout(PATIENCE_MS).emitWithAck('submit', message)) as SubmitReply;
      if (reply.ok) return reply.outcomes;
      await pause(50);
    } catch {
      socket.disconnect();
    }
    return null;
  }
}

/** Receives, and acknowledges unless told to be silent. */
export class Receiver extends Client {
  /** What it has acknowledged, or is about to. */
  #cursor: Cursor = { seq: 0, id: null };
  /** The last that came on the present connection. */
  #last: Cursor = this.#cursor;
  isSilent: boolean;
  readonly received = new Set<string>();

  constructor(device: TestDevice, surroundings: Surroundings, options: { isSilent?: boolean } = {}) {
    super(device, surroundings);
    this.isSilent = options.isSilent ?? false;
  }

  async run(): Promise<void> {
    while (!this.isStopped) {
      await this.connected(this.#cursor, (socket) => {
        const { connection } = this;
        socket.on('welcome', (welcome: Welcome) => {
          this.#welcomed(connection, welcome);
        });
        socket.on('deliver', ({ envelopes }: { envelopes: Envelope[] }) => {
          this.#take(socket, connection, envelopes);
        });
      });
      await pause(20);
    }
  }

  /** Speaks again: acknowledges what came meanwhile. */
  speak(): void {
    this.isSilent = false;
    if (this.#last.seq > this.#cursor.seq) this.#cursor = this.#last;
    if (this.socket) this.#acknowledge(this.socket);
  }

  #welcomed(connection: number, { verdict, acked }: Welcome): void {
    const { note } = this.surroundings;
    this.#last = acked;
    note({ kind: 'welcomed', recipient: this.name, connection, after: acked.seq });
    if (verdict !== 'ok') note({ kind: 'anomaly', what: `verdict ${verdict} for ${this.name} at ${this.#cursor.seq}` });
  }

  #take(socket: Socket, connection: number, envelopes: Envelope[]): void {
    for (const { seq, id, payload } of envelopes) {
      const message = hex(id);
      const content = digestOf(payload);
      this.surroundings.note({ kind: 'delivered', recipient: this.name, connection, seq, message, content });
      this.received.add(message);
      this.#last = { seq, id };
      // A silent device has committed nothing: after a reconnect it begins again where it was.
      if (!this.isSilent && seq > this.#cursor.seq) this.#cursor = this.#last;
    }
    this.#acknowledge(socket);
  }

  #acknowledge(socket: Socket): void {
    const { seq, id } = this.#cursor;
    if (id && !this.isSilent) socket.emit('ack', { seq, id: Buffer.from(id) }, () => undefined);
  }
}
