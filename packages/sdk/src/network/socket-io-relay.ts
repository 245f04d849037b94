import {
  DEVICE_HEADER,
  down,
  errorBody,
  hello as helloSchema,
  plainReply,
  PROTOCOL_VERSION,
  SOCKET_PATH,
  submitReply,
  VERSION_HEADER,
  type DownEvent,
  type DownMessage,
  type ErrorBody,
  type Hello,
} from '@sotto/protocol';
import { io, type Socket } from 'socket.io-client';
import parser from 'socket.io-msgpack-parser';
import * as z from 'zod/mini';

import { RelayError } from './relay-error.js';
import type { RelayPort, RelayRequest, RelaySocket, SocketHandlers } from './relay-port.js';

/** A request or an acknowledgement that takes longer has been lost. */
const TIMEOUT_MS = 20_000;

/** The relay over HTTP and Socket.IO. @param origin such as `https://chat.example` */
export function socketIoRelay(origin: string): RelayPort {
  return {
    request: (request) => httpRequest(origin, request),
    connect: (hello, handlers) => openSocket(origin, hello, handlers),
  };
}

async function httpRequest(origin: string, { method, path, body, token, device }: RelayRequest): Promise<unknown> {
  let response: Response;
  let answer: unknown;
  try {
    response = await fetch(new URL(path, origin), {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        [VERSION_HEADER]: String(PROTOCOL_VERSION),
        ...(device === undefined ? {} : { [DEVICE_HEADER]: device }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    answer = await response.json();
  } catch (cause) {
    throw new RelayError(null, { cause });
  }
  if (response.ok) return answer;
  const parsed = z.safeParse(errorBody, answer);
  throw new RelayError(parsed.success ? parsed.data : null);
}

function openSocket(origin: string, hello: Hello, handlers: SocketHandlers): RelaySocket {
  const socket = io(origin, {
    path: SOCKET_PATH,
    parser,
    auth: toWire(z.encode(helloSchema, hello)) as Record<string, unknown>,
    transports: ['websocket', 'polling'],
    tryAllTransports: true,
    reconnection: false,
    forceNew: true,
    multiplex: false,
    timeout: TIMEOUT_MS,
    withCredentials: false,
  });
  let closed = false;
  let reason: ErrorBody | null = null;
  const close = (why: ErrorBody | null): void => {
    if (closed) return;
    closed = true;
    socket.disconnect();
    handlers.onClose(why);
  };
  const on = <E extends DownEvent>(event: E, handle: (message: DownMessage<E>) => void): void => {
    const schema: z.ZodMiniType = down[event];
    const name: string = event;
    socket.on(name, (message: unknown) => {
      if (closed) return;
      const parsed = z.safeParse(schema, message);
      if (parsed.success) handle(parsed.data as DownMessage<E>);
      else close(null);
    });
  };
  on('welcome', (message) => handlers.onWelcome(message));
  on('deliver', (message) => handlers.onDeliver(message));
  on('drained', (message) => handlers.onDrained(message));
  on('prekeys-low', (message) => handlers.onPreKeysLow(message));
  on('device-list-changed', () => handlers.onDeviceListChanged());
  on('topic', (message) => handlers.onTopic({ type: 'message', ...message }));
  on('joined', (message) => handlers.onTopic({ type: 'joined', ...message }));
  on('left', (message) => handlers.onTopic({ type: 'left', ...message }));
  on('device-expiring', (message) => handlers.onDeviceExpiring(message));
  on('bye', (message) => (reason = message));
  socket.on('connect_error', (error) => close(refusal(error)));
  socket.on('disconnect', () => close(reason));
  return {
    submit: (submit) => ask(socket, 'submit', submit, submitReply),
    ack: (ack) => ask(socket, 'ack', ack, plainReply),
    token: (token) => ask(socket, 'token', { token }, plainReply),
    join: (join) => ask(socket, 'join', join, plainReply),
    leave: (leave) => ask(socket, 'leave', leave, plainReply),
    publish: (publish) => ask(socket, 'publish', publish, plainReply),
    close: () => {
      closed = true;
      socket.disconnect();
    },
  };
}

async function ask<S extends z.ZodMiniType>(
  socket: Socket,
  event: string,
  message: object,
  reply: S,
): Promise<z.output<S>> {
  let answer: unknown;
  try {
    answer = await socket.timeout(TIMEOUT_MS).emitWithAck(event, toWire(message));
  } catch (cause) {
    throw new RelayError(null, { cause });
  }
  const parsed = z.safeParse(reply, answer);
  if (!parsed.success) throw new RelayError(null, { cause: parsed.error });
  return parsed.data;
}

/** What the relay's handshake said, or null if it was not the relay that refused. */
function refusal(error: Error): ErrorBody | null {
  const data: unknown = 'data' in error ? error.data : undefined;
  const parsed = z.safeParse(errorBody, data);
  return parsed.success ? parsed.data : null;
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
