import {
  DEVICE_HEADER,
  down,
  errorBody,
  hello as helloSchema,
  plainReply,
  PROTOCOL_VERSION,
  submitReply,
  VERSION_HEADER,
  type ErrorBody,
  type Hello,
  type UpEvent,
} from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import { openWire } from './open-wire.js';
import { RelayError } from './relay-error.js';
import type { RelayPort, RelayRequest, RelaySocket, SocketHandlers } from './relay-port.js';
import { TIMEOUT_MS, type Wire } from './wire.js';

/** The longest answer to a request, bundles for ten devices, has some 40 KB: who sends more means no good. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** The relay over HTTP and Socket.IO. @param origin such as `https://chat.example` */
export function socketIoRelay(origin: string, timeoutMs = TIMEOUT_MS): RelayPort {
  return {
    request: (request) => httpRequest(origin, request, timeoutMs),
    connect: (hello, handlers) => openSocket(origin, hello, handlers),
  };
}

async function httpRequest(
  origin: string,
  { method, path, body, token, device }: RelayRequest,
  timeoutMs: number,
): Promise<unknown> {
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
      signal: AbortSignal.timeout(timeoutMs),
    });
    answer = JSON.parse(await readBounded(response));
  } catch (cause) {
    throw new RelayError(null, { cause });
  }
  if (response.ok) return answer;
  const parsed = s.safeParse(errorBody, answer);
  throw new RelayError(parsed.success ? parsed.data : null);
}

async function readBounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let left = MAX_ANSWER_BYTES;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    left -= part.value.length;
    if (left < 0) {
      await reader?.cancel();
      throw new RangeError('The answer is too long.');
    }
    text += decoder.decode(part.value, { stream: true });
  }
  return text + decoder.decode();
}

function openSocket(origin: string, hello: Hello, handlers: SocketHandlers): RelaySocket {
  let reason: ErrorBody | null = null;
  const handle = handling(handlers, (bye) => (reason = bye));
  const wire = openWire(origin, s.encode(helloSchema, hello) as object, {
    event: (name, message) => {
      if (!Object.hasOwn(handle, name) || handle[name as keyof typeof handle](message)) return;
      wire.close();
      handlers.onClose(null);
    },
    ended: (refusal) => handlers.onClose(reason ?? refusalIn(refusal)),
  });
  return {
    submit: (submit) => ask(wire, 'submit', submit, submitReply),
    ack: (ack) => ask(wire, 'ack', ack, plainReply),
    token: (token) => ask(wire, 'token', { token }, plainReply),
    join: (join) => ask(wire, 'join', join, plainReply),
    leave: (leave) => ask(wire, 'leave', leave, plainReply),
    publish: (publish) => ask(wire, 'publish', publish, plainReply),
    close: () => wire.close(),
  };
}

/** @returns for each event whether its message was what the protocol says */
function handling(handlers: SocketHandlers, bye: (reason: ErrorBody) => void) {
  return {
    welcome: parsed(down.welcome, (message) => handlers.onWelcome(message)),
    deliver: parsed(down.deliver, (message) => handlers.onDeliver(message)),
    drained: parsed(down.drained, (message) => handlers.onDrained(message)),
    'prekeys-low': parsed(down['prekeys-low'], (message) => handlers.onPreKeysLow(message)),
    'device-list-changed': parsed(down['device-list-changed'], () => handlers.onDeviceListChanged()),
    'device-expiring': parsed(down['device-expiring'], (message) => handlers.onDeviceExpiring(message)),
    topic: parsed(down.topic, (message) => handlers.onTopic({ type: 'message', ...message })),
    joined: parsed(down.joined, (message) => handlers.onTopic({ type: 'joined', ...message })),
    left: parsed(down.left, (message) => handlers.onTopic({ type: 'left', ...message })),
    bye: parsed(down.bye, bye),
  } satisfies Record<keyof typeof down, (message: unknown) => boolean>;
}

function parsed<S extends s.Schema<unknown>>(schema: S, handle: (message: s.Infer<S>) => void) {
  return (message: unknown): boolean => {
    const read = s.safeParse(schema, message);
    if (read.success) handle(read.data);
    return read.success;
  };
}

async function ask<S extends s.Schema<unknown>>(
  wire: Wire,
  event: UpEvent,
  message: object,
  reply: S,
): Promise<s.Infer<S>> {
  const parsed = s.safeParse(reply, await wire.ask(event, message));
  if (!parsed.success) throw new RelayError(null, { cause: new s.SchemaError(parsed.issue) });
  return parsed.data;
}

/** What the relay's handshake said, or null if it was not the relay that refused. */
function refusalIn(data: unknown): ErrorBody | null {
  const parsed = s.safeParse(errorBody, data);
  return parsed.success ? parsed.data : null;
}
