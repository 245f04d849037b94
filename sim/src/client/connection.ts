import {
  down,
  errorBody,
  hello as helloSchema,
  plainReply,
  submitReply,
  type DownEvent,
  type ErrorBody,
  type Hello,
  type Submit,
  type Welcome,
} from '@sotto/protocol';
import type { Session } from '@sotto/relay';
import { RelayError, type RelaySocket, type SocketHandlers } from '@sotto/sdk/testing';
import * as s from '@sotto/protocol/schema';

import type { Process } from '../core/process.js';
import type { Line, RelayNode } from '../relay/node.js';

/** As `socket-io-relay.ts` has it: an answer that takes longer has been lost. */
export const ANSWER_MS = 20_000;

/** Half-open connections are found within this by the heartbeat of either side. */
const HEARTBEAT_MS = 35_000;

/** Sees what goes over the wire. */
export interface Tap {
  submitted(submit: Submit): void;
  welcomed(welcome: Welcome): void;
}

export interface ConnectionParts {
  readonly client: Process;
  readonly node: RelayNode;
  readonly handlers: SocketHandlers;
  /** Milliseconds that a message takes now. */
  readonly latency: () => number;
  readonly tap: Tap;
  readonly onEnd: (connection: Connection) => void;
}

/**
 * One socket. Either direction keeps its order; a cut loses everything that is under way and everything that follows.
 *
 *   open --reset--> both ends hear of it soon
 *   open --sever--> messages vanish in one direction or both, and the heartbeats find out
 */
export class Connection implements Line {
  #session: Session | null = null;
  #clientOpen = true;
  #nodeOpen = true;
  #severedUp = false;
  #severedDown = false;
  #lastUp = 0;
  #lastDown = 0;
  readonly #asks = new Set<(error: RelayError) => void>();
  readonly #parts: ConnectionParts;
  readonly #now: () => number;

  constructor(parts: ConnectionParts, hello: Hello, now: () => number) {
    this.#parts = parts;
    this.#now = now;
    const wire: unknown = structuredClone(s.encode(helloSchema, hello));
    this.#up('hello', () => {
      void parts.node.accept(wire, this).then((session) => {
        this.#session = session;
        // The client may have gone while it was being admitted.
        if (session && !this.#nodeOpen) session.close();
      });
    });
    parts.client.after(ANSWER_MS, 'connect timeout', () => {
      if (!this.#welcomed) this.#lost();
    });
  }

  #welcomed = false;

  get client(): Process {
    return this.#parts.client;
  }

  get node(): RelayNode {
    return this.#parts.node;
  }

  /** The client's end, as the engine sees it. */
  get socket(): RelaySocket {
    return {
      submit: (submit) => {
        this.#parts.tap.submitted(submit);
        return this.#ask('submit', submit, submitReply);
      },
      ack: (ack) => this.#ask('ack', ack, plainReply),
      token: (token) => this.#ask('token', { token }, plainReply),
      join: (join) => this.#ask('join', join, plainReply),
      leave: (leave) => this.#ask('leave', leave, plainReply),
      publish: (publish) => this.#ask('publish', publish, plainReply),
      close: () => {
        if (!this.#clientOpen) return;
        this.#endClient();
        this.#up('close', () => this.#endNode());
      },
    };
  }

  get isOpen(): boolean {
    return this.#nodeOpen;
  }

  emit(event: DownEvent, message: unknown): void {
    const wire: unknown = structuredClone(message);
    this.#down(event, () => this.#heard(event, wire));
  }

  close(): void {
    this.#nodeOpen = false;
    this.#down('closed', () => this.#closed(this.#bye));
  }

  refuse(reason: ErrorBody): void {
    this.#nodeOpen = false;
    this.#down(`refused ${reason.code}`, () => this.#closed(reason));
  }

  /** Connection reset by the network. */
  reset(): void {
    this.#severedUp = this.#severedDown = true;
    this.#parts.client.after(this.#parts.latency(), 'socket reset', () => this.#lost());
    this.#parts.node.process.after(this.#parts.latency(), 'socket reset', () => this.#endNode());
  }

  /** Messages vanish from now on; either side finds out by its heartbeat. */
  sever(direction: 'up' | 'down' | 'both', fraction: () => number): void {
    this.#severedUp ||= direction !== 'down';
    this.#severedDown ||= direction !== 'up';
    const late = (): number => HEARTBEAT_MS * (0.5 + fraction() / 2);
    this.#parts.client.after(late(), 'socket heartbeat', () => this.#lost());
    this.#parts.node.process.after(late(), 'socket heartbeat', () => this.#endNode());
  }

  /** The client's process is gone: its system closes the socket. */
  clientDied(): void {
    this.#up('peer gone', () => this.#endNode());
    this.#endClient();
  }

  clientFrozen(): void {
    this.node.process.after(HEARTBEAT_MS, 'socket heartbeat', () => {
      if (!this.client.isFrozen) return;
      this.#endNode();
      this.client.after(0, 'socket closed while frozen', () => this.#lost());
    });
  }

  /** The node's process is gone. */
  nodeDied(): void {
    this.#nodeOpen = false;
    this.#parts.client.after(this.#parts.latency(), 'node gone', () => this.#lost());
  }

  #bye: ErrorBody | null = null;

  #heard(event: DownEvent, message: unknown): void {
    if (!this.#clientOpen) return;
    const parsed = s.safeParse<s.Schema<unknown>>(down[event], message);
    if (!parsed.success) {
      this.#lost();
      return;
    }
    const { handlers } = this.#parts;
    const data = parsed.data as never;
    switch (event) {
      case 'welcome':
        this.#welcomed = true;
        this.#parts.tap.welcomed(data);
        handlers.onWelcome(data);
        break;
      case 'deliver':
        handlers.onDeliver(data);
        break;
      case 'drained':
        handlers.onDrained(data);
        break;
      case 'prekeys-low':
        handlers.onPreKeysLow(data);
        break;
      case 'device-list-changed':
        handlers.onDeviceListChanged();
        break;
      case 'bye':
        this.#bye = s.parse(errorBody, message);
        break;
      case 'joined':
      case 'topic':
      case 'left':
        handlers.onTopic({ ...(parsed.data as object), type: event === 'topic' ? 'message' : event } as never);
        break;
      // No device lies idle for so long here.
      case 'device-expiring':
    }
  }

  #ask<S extends s.Schema<unknown>>(event: string, message: object, schema: S): Promise<s.Infer<S>> {
    return new Promise((resolve, reject) => {
      if (!this.#clientOpen) {
        reject(new RelayError(null));
        return;
      }
      const fail = (error: RelayError): void => {
        this.#asks.delete(fail);
        cancel();
        reject(error);
      };
      const cancel = this.#parts.client.after(ANSWER_MS, `${event} timeout`, () => fail(new RelayError(null)));
      this.#asks.add(fail);
      const wire: unknown = structuredClone(message);
      this.#up(event, () => {
        void this.#session?.handle(event, wire).then((reply) => {
          const answer: unknown = structuredClone(reply);
          this.#down(`${event} answered ${reply.ok ? 'ok' : reply.error.code}`, () => {
            if (!this.#asks.delete(fail)) return;
            cancel();
            resolve(s.parse(schema, answer));
          });
        });
      });
    });
  }

  #closed(reason: ErrorBody | null): void {
    if (!this.#clientOpen) return;
    this.#endClient();
    this.#parts.handlers.onClose(reason);
  }

  #lost(): void {
    this.#closed(null);
    this.#endNodeSoon();
  }

  #endClient(): void {
    if (!this.#clientOpen) return;
    this.#clientOpen = false;
    for (const fail of [...this.#asks]) fail(new RelayError(null));
    this.#ended();
  }

  #endNodeSoon(): void {
    this.#parts.node.process.after(this.#parts.latency(), 'peer gone', () => this.#endNode());
  }

  #endNode(): void {
    if (!this.#nodeOpen) return;
    this.#nodeOpen = false;
    this.#session?.close();
    this.#ended();
  }

  #ended(): void {
    if (!this.#clientOpen && !this.#nodeOpen) this.#parts.onEnd(this);
  }

  #up(label: string, run: () => void): void {
    if (this.#severedUp) return;
    this.#lastUp = Math.max(this.#lastUp, this.#now() + this.#parts.latency());
    this.#parts.node.process.at(this.#lastUp, `<- ${this.client.name} ${label}`, () => {
      if (!this.#severedUp) run();
    });
  }

  #down(label: string, run: () => void): void {
    if (this.#severedDown) return;
    this.#lastDown = Math.max(this.#lastDown, this.#now() + this.#parts.latency());
    this.client.at(this.#lastDown, `<- ${this.node.process.name} ${label}`, () => {
      if (!this.#severedDown && this.#clientOpen) run();
    });
  }
}
