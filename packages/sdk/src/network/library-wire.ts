import { SOCKET_PATH } from '@sotto/protocol';
import { io } from 'socket.io-client';
import parser from 'socket.io-msgpack-parser';

import { RelayError } from './relay-error.js';
import { TIMEOUT_MS, type Wire, type WireEvents } from './wire.js';

/**
 * Socket.IO's own client, for where a {@link WebSocket} is not to be had: long polling behind proxies that refuse it, and
 * Node 20. Loaded only there.
 */
export function openLibraryWire(origin: string, hello: object, events: WireEvents): Wire {
  const socket = io(origin, {
    path: SOCKET_PATH,
    parser,
    auth: toWire(hello) as Record<string, unknown>,
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
  socket.onAny((name: string, message: unknown) => {
    if (!over) events.event(name, message);
  });
  socket.on('connect_error', (error) => end('data' in error ? error.data : null));
  socket.on('disconnect', () => end(null));
  return {
    ask: async (event, message) => {
      try {
        const answer: unknown = await socket.timeout(TIMEOUT_MS).emitWithAck(event, toWire(message));
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

/**
 * The MessagePack parser knows binary data as `ArrayBuffer` in browsers and as `Buffer` in Node; a `Uint8Array` would become
 * a map of numbers in the one and an extension type in the other.
 */
function toWire(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return 'Buffer' in globalThis ? nodeBuffer(value) : value.slice().buffer;
  }
  if (Array.isArray(value)) return value.map(toWire);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, toWire(inner)]));
  }
  return value;
}

interface BufferLike {
  from(buffer: ArrayBufferLike, offset: number, length: number): Uint8Array;
}

/** Reached through `globalThis`, so that no bundler adds a polyfill for it. */
function nodeBuffer(value: Uint8Array): Uint8Array {
  const { Buffer } = globalThis as unknown as { Buffer: BufferLike };
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
