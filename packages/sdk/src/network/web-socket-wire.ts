import { SOCKET_PATH } from '@sotto/protocol';

import { encodeMessagePack } from './message-pack.js';
import { ACK, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT, readPacket, type Packet } from './packet.js';
import { RelayError } from './relay-error.js';
import { MAX_SILENCE_MS, TIMEOUT_MS, type Wire, type WireEvents } from './wire.js';

/** How long a relay may be silent that has not named its heartbeat, milliseconds: https://github.com/socketio/engine.io-protocol */
const DEFAULT_SILENCE_MS = 45_000;

/** A relay that has not answered by then is not to be reached this way. */
const OPEN_WITHIN_MS = 10_000;

interface Waiting {
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: RelayError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * Socket.IO over a WebSocket, as far as this client needs it: one namespace, MessagePack, and the relay is the one that pings. The
 * library is ten times as large.
 *
 *   opening --"0" open--> joining --CONNECT--> joined
 *   any --closed, silent for too long, nonsense--> over
 */
export class WebSocketWire implements Wire {
  readonly #socket: WebSocket;
  readonly #hello: object;
  readonly #events: WireEvents;
  readonly #neverOpened: () => void;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #opened = false;
  #over = false;
  #silence: ReturnType<typeof setTimeout>;
  #silenceMs = DEFAULT_SILENCE_MS;

  /**
   * @param hello sent once the transport is there
   * @param neverOpened told instead of `events.ended` when no relay was reached: something on the way may refuse WebSockets
   */
  constructor(origin: string, hello: object, events: WireEvents, neverOpened: () => void) {
    this.#hello = hello;
    this.#events = events;
    this.#neverOpened = neverOpened;
    const url = new URL(`${SOCKET_PATH}/?EIO=4&transport=websocket`, origin.replace(/^http/, 'ws'));
    this.#socket = new WebSocket(url);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onmessage = ({ data }: MessageEvent<unknown>) => this.#received(data);
    this.#socket.onclose = () => this.#end(null);
    this.#silence = setTimeout(() => this.#end(null), OPEN_WITHIN_MS);
  }

  ask(event: string, message: object): Promise<unknown> {
    if (this.#over) return Promise.reject(new RelayError(null));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new RelayError(null));
      }, TIMEOUT_MS);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#send({ type: EVENT, nsp: '/', id, data: [event, message] });
    });
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#silence);
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new RelayError(null));
    }
    this.#waiting.clear();
  }

  #end(refusal: unknown): void {
    if (this.#over) return;
    this.close();
    if (this.#opened) this.#events.ended(refusal);
    else this.#neverOpened();
  }

  /** Engine.IO: text frames begin with a digit, binary ones are Socket.IO packets. */
  #received(data: unknown): void {
    try {
      if (typeof data === 'string') this.#engine(data);
      else if (this.#opened && data instanceof ArrayBuffer) this.#packet(readPacket(new Uint8Array(data)));
    } catch {
      // Not what a relay says.
      this.#end(null);
    }
  }

  #engine(text: string): void {
    switch (text.charAt(0)) {
      case '0':
        this.#silenceMs = silenceOf(JSON.parse(text.slice(1)));
        this.#opened = true;
        this.#send({ type: CONNECT, nsp: '/', data: this.#hello });
        break;
      case '2':
        this.#socket.send('3');
        break;
      case '1':
        this.#end(null);
        return;
    }
    this.#heard();
  }

  /** The relay pings: one that is silent for longer is gone, or the way to it. */
  #heard(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#end(null), this.#silenceMs);
  }

  #packet(packet: Packet): void {
    switch (packet.type) {
      case EVENT:
        this.#events.event(...packet.data);
        break;
      case ACK: {
        const waiting = this.#waiting.get(packet.id);
        this.#waiting.delete(packet.id);
        clearTimeout(waiting?.timer);
        waiting?.resolve(packet.data[0]);
        break;
      }
      case CONNECT_ERROR:
        this.#end(packet.data.data ?? null);
        break;
      case DISCONNECT:
        this.#end(null);
        break;
      case CONNECT:
    }
  }

  #send(packet: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(encodeMessagePack(packet));
  }
}

/** How long a living relay may be silent, by its own word, milliseconds. */
function silenceOf(handshake: unknown): number {
  const { pingInterval, pingTimeout } = handshake as { pingInterval?: unknown; pingTimeout?: unknown };
  const sum = Number(pingInterval) + Number(pingTimeout);
  return sum > 0 ? Math.min(sum, MAX_SILENCE_MS) : DEFAULT_SILENCE_MS;
}
