import { randomBytes } from 'node:crypto';

import {
  DEVICE_HEADER,
  down,
  encodeDeviceList,
  PROTOCOL_VERSION,
  registerResponse,
  ROUTES,
  SOCKET_PATH,
  toBase64Url,
  VERSION_HEADER,
  type AppId,
  type Cursor,
  type DownEvent,
  type DownMessage,
  type Envelope,
  type ErrorBody,
  type RegisterResponse,
  type Submit,
  type UpEvent,
  type UpReply,
  type Welcome,
} from '@sotto/protocol';
import { io, type Socket } from 'socket.io-client';
import parser from 'socket.io-msgpack-parser';
import * as s from '@sotto/protocol/schema';

import { mintToken } from '../../src/token.js';

export const TEST_APP = {
  id: 'acme' as AppId,
  algorithm: 'HS256',
  secret: 'a test secret of more than 32 bytes',
  origins: [],
} as const;

export interface Answer {
  status: number;
  body: unknown;
}

export interface TestDevice extends RegisterResponse {
  app: AppId;
  name: string;
  url: string;
  token: string;
  identityKey: Uint8Array;
  listVersion: number;
}

export const random = (length: number): Uint8Array => randomBytes(length);

/** A public key as the wire wants it: type byte and random bytes. The relay cannot tell the difference. */
export const someKey = (length = 33): Uint8Array => Buffer.concat([Buffer.of(5), randomBytes(length - 1)]);

export async function http(
  url: string,
  route: { method: string; path: string },
  options: {
    token?: string;
    device?: { device: number; secret: Uint8Array };
    body?: unknown;
    headers?: Record<string, string>;
  } = {},
): Promise<Answer> {
  const { token, device, body, headers } = options;
  const response = await fetch(url + route.path, {
    method: route.method,
    headers: {
      [VERSION_HEADER]: String(PROTOCOL_VERSION),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(device && { [DEVICE_HEADER]: `${device.device}.${toBase64Url(device.secret)}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? null : (JSON.parse(text) as unknown) };
}

export function codeOf(answer: Answer): string {
  return (answer.body as ErrorBody).code;
}

export const tokenFor = (
  user: string,
  extra: { app?: string; key?: string; expiresIn?: number; reset?: boolean } = {},
) => mintToken({ app: TEST_APP.id, key: TEST_APP.secret, user, ...extra });

export interface RegisterOptions {
  identityKey?: Uint8Array;
  attempt?: Uint8Array;
  linkToken?: Uint8Array;
  reset?: true;
  token?: string;
  /** Absent: `TEST_APP`. */
  app?: { id: AppId; secret: string };
}

export async function tryRegister(url: string, name: string, options: RegisterOptions = {}): Promise<Answer> {
  const { identityKey = someKey(), attempt = random(32), linkToken, reset, token = await tokenFor(name) } = options;
  return http(url, ROUTES.register, {
    token,
    body: {
      identityKey: toBase64Url(identityKey),
      attempt: toBase64Url(attempt),
      ...(linkToken && { linkToken: toBase64Url(linkToken) }),
      ...(reset && { reset }),
    },
  });
}

/** Registers without publishing anything. */
export async function register(url: string, name: string, options: RegisterOptions = {}): Promise<TestDevice> {
  const identityKey = options.identityKey ?? someKey();
  const { app = TEST_APP } = options;
  const token = options.token ?? (await tokenFor(name, { app: app.id, key: app.secret }));
  const answer = await tryRegister(url, name, { ...options, identityKey, token });
  if (answer.status !== 200) throw new Error(`registration of ${name}: ${answer.status} ${codeOf(answer)}`);
  const registered = s.parse(registerResponse, answer.body);
  return {
    ...registered,
    app: app.id,
    name,
    url,
    token,
    identityKey,
    listVersion: registered.nextListVersion - 1,
  };
}

export function listBody(owner: TestDevice, version: number, devices: Pick<TestDevice, 'device' | 'registration'>[]) {
  const record = encodeDeviceList({
    v: 1,
    app: owner.app,
    user: owner.user,
    version,
    devices: devices.map(({ device, registration }) => ({
      device,
      registration,
      signingKey: someKey() as Uint8Array<ArrayBuffer>,
    })),
  });
  return { record: toBase64Url(record), signature: toBase64Url(random(64)) };
}

/** Publishes a list of these devices as `owner`, and notes its version in all of them. */
export async function publishList(owner: TestDevice, devices: TestDevice[]): Promise<void> {
  const version = owner.listVersion + 1;
  const answer = await http(owner.url, ROUTES.putDeviceList, {
    ...auth(owner),
    body: listBody(owner, version, devices),
  });
  if (answer.status !== 200) throw new Error(`device list of ${owner.name}: ${answer.status} ${codeOf(answer)}`);
  for (const device of new Set([owner, ...devices])) device.listVersion = version;
}

/** A registered device on a list of its own. */
export async function newUser(url: string, name: string, options: RegisterOptions = {}): Promise<TestDevice> {
  const device = await register(url, name, options);
  await publishList(device, [device]);
  return device;
}

export function auth(device: TestDevice) {
  return { token: device.token, device };
}

export const signed = (id: number, length = 33) => ({
  id,
  key: toBase64Url(someKey(length)),
  signature: toBase64Url(random(64)),
  deviceSignature: toBase64Url(random(64)),
});

export function preKeysBody(oneTime: number, kem: number, options: { firstId?: number; replace?: boolean } = {}) {
  const { firstId = 1, replace = false } = options;
  return {
    signedPreKey: signed(1),
    lastResortKemPreKey: signed(1, 1569),
    oneTimePreKeys: Array.from({ length: oneTime }, (_, i) => ({ id: firstId + i, key: toBase64Url(someKey()) })),
    kemPreKeys: Array.from({ length: kem }, (_, i) => signed(firstId + 1000 + i, 1569)),
    replace,
  };
}

export const START: Cursor = { seq: 0, id: null };

type Received = { [E in DownEvent]: { event: E; message: DownMessage<E> } }[DownEvent];

/** A device's socket that parses everything it gets with the protocol's schemas, and remembers it. */
export class TestSocket {
  readonly received: Received[] = [];
  readonly socket: Socket;
  readonly #waiting = new Set<() => void>();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.onAny((event: string, message: unknown) => {
      if (!(event in down)) throw new Error(`unexpected event ${event}`);
      const parsed = s.parse<s.Schema<unknown>>(down[event as DownEvent], message);
      this.received.push({ event, message: parsed } as Received);
      this.#wake();
    });
    socket.on('disconnect', () => {
      this.#wake();
    });
  }

  #wake(): void {
    for (const check of [...this.#waiting]) check();
  }

  /** Resolves as soon as `ready` yields something, checked after each event. */
  until<T>(ready: () => T | undefined | false | null, what = 'the expected event'): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(check);
        reject(new Error(`${what} did not come; received: ${this.received.map(({ event }) => event).join(' ')}`));
      }, 10_000);
      const check = () => {
        const value = ready();
        if (value === undefined || value === false || value === null) return;
        clearTimeout(timer);
        this.#waiting.delete(check);
        resolve(value);
      };
      this.#waiting.add(check);
      check();
    });
  }

  all<E extends DownEvent>(event: E): DownMessage<E>[] {
    return this.received.flatMap((each) => (each.event === event ? [each.message as DownMessage<E>] : []));
  }

  next<E extends DownEvent>(event: E, count = 1): Promise<DownMessage<E>> {
    return this.until(() => this.all(event)[count - 1], `${event} (${count})`);
  }

  get envelopes(): Envelope[] {
    return this.all('deliver').flatMap(({ envelopes }) => envelopes);
  }

  welcome(): Promise<Welcome> {
    return this.next('welcome');
  }

  /** Resolves when so many envelopes came, in order and without a gap. */
  async delivered(count: number): Promise<Envelope[]> {
    return this.until(() => this.envelopes.length >= count && this.envelopes, `${count} envelopes`);
  }

  async send<E extends UpEvent>(event: E, message: unknown): Promise<UpReply[E]> {
    return (await this.socket.timeout(10_000).emitWithAck(event, message)) as UpReply[E];
  }

  submit(message: Submit) {
    return this.send('submit', wire(message));
  }

  ack({ seq, id }: Pick<Envelope, 'seq' | 'id'>) {
    return this.send('ack', { seq, id: Buffer.from(id) });
  }

  close(): void {
    this.socket.disconnect();
  }
}

/** The encoder writes only `Buffer`s as binary in Node. */
function wire({ id, sealing, payloads, recipients }: Submit) {
  return { id: Buffer.from(id), sealing, payloads: payloads.map((payload) => Buffer.from(payload)), recipients };
}

export function helloOf(device: TestDevice, options: { epoch?: number; cursor?: Cursor; sealings?: number } = {}) {
  const { epoch = 1, cursor = START, sealings = 0 } = options;
  return {
    protocol: PROTOCOL_VERSION,
    token: device.token,
    device: device.device,
    registration: device.registration,
    secret: toBase64Url(device.secret),
    epoch,
    cursor: { seq: cursor.seq, id: cursor.id && Buffer.from(cursor.id) },
    sealings,
  };
}

export function open(url: string, hello: unknown, headers: Record<string, string> = {}): Socket {
  return io(url, {
    path: SOCKET_PATH,
    parser,
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
    extraHeaders: headers,
    auth: hello as Record<string, unknown>,
  });
}

/** Connects, or rejects with the relay's refusal. */
export async function connect(
  device: TestDevice,
  options: { epoch?: number; cursor?: Cursor; sealings?: number; url?: string; headers?: Record<string, string> } = {},
): Promise<TestSocket> {
  const socket = open(options.url ?? device.url, helloOf(device, options), options.headers);
  const client = new TestSocket(socket);
  return new Promise((resolve, reject) => {
    socket.once('connect', () => {
      resolve(client);
    });
    socket.once('connect_error', (error: Error & { data?: ErrorBody }) => {
      reject(new Error(error.data?.code ?? `not refused by the relay: ${String(error)}`, { cause: error.data }));
    });
  });
}

/** A submit of one payload to all listed devices of one user. */
export function messageTo(
  recipient: TestDevice,
  options: { id?: Uint8Array; sealing?: number; payload?: Uint8Array; complete?: boolean } = {},
): Submit {
  const { id = random(16), sealing = 0, payload = random(400), complete = true } = options;
  return {
    id,
    sealing,
    payloads: [payload],
    recipients: [
      {
        user: recipient.user,
        list: recipient.listVersion,
        complete,
        devices: [{ device: recipient.device, registration: recipient.registration, payload: 0 }],
      },
    ],
  };
}
