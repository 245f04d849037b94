import { SOCKET_PATH } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';
import { io } from 'socket.io-client';

import { encodeMessagePack } from './message-pack.js';
import { EVENT, readPacket, type Packet } from './packet.js';
import { RelayError } from './relay-error.js';
import { MAX_SILENCE_MS, TIMEOUT_MS, type Wire, type WireEvents } from './wire.js';

/**
 * Socket.IO's own client, for where a {@link WebSocket} is not to be had: long polling behind proxies that refuse it, and
 * Node 20. Loaded only there. It believes what a relay says: unsound packets would be thrown where nobody catches them, and end
 * a Node process.
 */
export function openLibraryWire(origin: string, hello: object, events: WireEvents): Wire {
  const socket = io(origin, {
    path: SOCKET_PATH,
    parser,
    auth: { ...hello },
    transports: 'WebSocket' in globalThis ? ['polling'] : ['websocket', 'polling'],
    tryAllTransports: true,
    reconnection: false,
    forceNew: true,
    multiplex: false,
    timeout: TIMEOUT_MS,
    withCredentials: false,
  });
  let over = false;
  const end = (refusal: unknown): void => {
    if (over) return;
    over = true;
    socket.disconnect();
    events.ended(refusal);
  };
  const { engine } = socket.io;
  let isOpen = false;
  // Heard before the engine reads it: as an error it closes the transport.
  engine.on('packet', (packet) => {
    if (packet.type !== 'open') return;
    isOpen = isHandshake(packet.data);
    if (!isOpen) packet.type = 'error';
  });
  // The library itself says nothing of an end before the beginning.
  engine.on('close', () => {
    if (!isOpen) end(null);
  });
  socket.onAny((name: string, message: unknown) => {
    if (!over) events.event(name, message);
  });
  socket.on('connect_error', (error) => end('data' in error ? error.data : null));
  socket.on('disconnect', () => end(null));
  return {
    ask: async (event, message) => {
      try {
        const answer: unknown = await socket.timeout(TIMEOUT_MS).emitWithAck(event, message);
        return answer;
      } catch (cause) {
        throw new RelayError(null, { cause });
      }
    },
    close: () => {
      over = true;
      socket.disconnect();
    },
  };
}

/** Events that the library tells of itself. */
const RESERVED: ReadonlySet<string> = new Set(['connect_error', 'disconnect']);

class Encoder {
  encode(packet: object): Uint8Array[] {
    return [encodeMessagePack(packet)];
  }
}

/** What it throws closes the connection. */
class Decoder {
  #hear: (packet: Packet) => void = () => undefined;

  on(_: 'decoded', hear: (packet: Packet) => void): void {
    this.#hear = hear;
  }

  off(): void {
    this.#hear = () => undefined;
  }

  add(frame: string | ArrayBuffer | Uint8Array): void {
    if (typeof frame === 'string') throw new TypeError('text where MessagePack is spoken');
    // A `Buffer` has another `slice`.
    const packet = readPacket(
      ArrayBuffer.isView(frame) ? new Uint8Array(frame.buffer, frame.byteOffset, frame.length) : new Uint8Array(frame),
    );
    if (packet.type === EVENT && RESERVED.has(packet.data[0])) throw new TypeError('not for a relay to say');
    this.#hear(packet);
  }

  destroy(): void {
    this.off();
  }
}

const parser = { Encoder, Decoder };

const handshake = s.object({
  sid: s.string(),
  upgrades: s.array(s.string()).check(s.maxLength(8)),
  pingInterval: s.number(),
  pingTimeout: s.number(),
});

function isHandshake(text: unknown): boolean {
  try {
    const { pingInterval, pingTimeout } = s.parse(handshake, JSON.parse(String(text)));
    return pingInterval + pingTimeout <= MAX_SILENCE_MS;
  } catch {
    return false;
  }
}
