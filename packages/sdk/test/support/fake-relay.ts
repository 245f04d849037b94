import {
  aciFromDigest,
  aciInput,
  bundlesRequest,
  decodeDeviceList,
  fromBase64Url,
  putDeviceListRequest,
  putPreKeysRequest,
  registerRequest,
  toBase64Url,
  type Aci,
  type Cursor,
  type CursorVerdict,
  type DeviceId,
  type Envelope,
  type ErrorBody,
  type ErrorCode,
  type Hello,
  type Outcome,
  type PutPreKeysRequest,
  type RegistrationId,
  type SignedDeviceList,
  type StaleUser,
  type Submit,
  type SubmitReply,
  type Welcome,
} from '@sotto/protocol';
import { sha256 } from '@noble/hashes/sha2.js';
import * as s from '@sotto/protocol/schema';

import { RelayError } from '../../src/network/relay-error.js';
import { FakeTopics } from './fake-topics.js';
import type { RelayPort, RelayRequest, RelaySocket, SocketHandlers } from '../../src/network/relay-port.js';

interface FakeDevice {
  readonly device: DeviceId;
  readonly registration: RegistrationId;
  readonly secret: string;
  readonly attempt: string;
  signed: PutPreKeysRequest['signedPreKey'];
  lastResort: PutPreKeysRequest['lastResortKemPreKey'];
  oneTime: PutPreKeysRequest['oneTimePreKeys'];
  kem: PutPreKeysRequest['kemPreKeys'];
  envelopes: Envelope[];
  /** `sender/envelope id` of everything ever stored. */
  readonly seen: Set<string>;
  head: number;
  acked: Cursor;
  /** The highest count of sealings that came with a submit. */
  sealings: number;
  socket: { handlers: SocketHandlers; sent: number; epoch: number } | null;
}

interface FakeUser {
  readonly identityKey: string;
  list: SignedDeviceList | null;
  readonly linkTokens: Set<string>;
  /** `device.secret` of those that were removed: only they are told so. */
  readonly gone: Set<string>;
  readonly devices: Map<number, FakeDevice>;
}

const APP = 'test';

/**
 * A relay in memory behind the SDK's own port, for stories about the client: it obeys the protocol, can be told to
 * misbehave, and shows what it holds. The real relay is tested with the real client in `e2e/`.
 */
export class FakeRelay {
  readonly users = new Map<Aci, FakeUser>();
  readonly topics = new FakeTopics();
  /** What the wire carried, for canary checks: every request body and payload. */
  readonly seen: unknown[] = [];
  /** What each `hello` was told of its vault. */
  readonly verdicts: CursorVerdict[] = [];
  /** Set to cut the network: requests fail, sockets do not open. */
  down = false;
  /** Most envelopes in one delivery. */
  batch = 100;
  /** Called before a submit is stored; the error it returns is the answer. `lost`: stored, but the answer never arrives. */
  onSubmit: (submit: Submit, from: Aci) => ErrorCode | 'lost' | null = () => null;
  /** Called before a request is answered. */
  onRequest: (path: string) => void = () => undefined;
  /** Waited for before a request is looked at: a slow network. */
  beforeAnswer: (path: string) => Promise<void> = async () => undefined;
  /** What the relay makes of an envelope before it stores it; null: it is withheld for good. */
  tamper: (payload: Uint8Array, to: { user: Aci; device: number }, from: Aci) => Uint8Array | null = (payload) =>
    payload;
  get now(): number {
    return Date.now();
  }

  /** An unsigned token: the fake believes everyone. */
  token(user: string): string {
    const claims = { iss: APP, sub: user, aud: 'sotto', exp: Math.floor(this.now / 1000) + 3600 };
    return `e30.${toBase64Url(new TextEncoder().encode(JSON.stringify(claims)))}.x`;
  }

  port(): RelayPort {
    return {
      request: async (request) => {
        await Promise.resolve();
        if (this.down) throw new RelayError(null);
        this.seen.push(request.body);
        this.onRequest(request.path);
        await this.beforeAnswer(request.path);
        return this.#route(request, userOf(request.token));
      },
      connect: (hello, handlers) => this.#connect(hello, handlers),
    };
  }

  /** Cuts every socket without a word. */
  cut(): void {
    for (const device of this.#allDevices()) {
      const { socket } = device;
      device.socket = null;
      if (socket) this.topics.gone(socket.handlers);
      socket?.handlers.onClose(null);
    }
  }

  mailbox(user: string, id?: number): FakeDevice {
    const devices = this.users.get(aciOfName(user))?.devices;
    const [first] = devices?.values() ?? [];
    const device = id === undefined ? first : devices?.get(id);
    if (!device) throw new Error(`${user} has no device`);
    return device;
  }

  /** Resolves when everything in the user's mailbox has been acknowledged. */
  async emptied(user: string): Promise<void> {
    while (this.mailbox(user).envelopes.length > 0) await new Promise<void>((resolve) => (this.#onAcked = resolve));
  }

  /** Deletes everything that waits in a mailbox, as a relay does when retention is over. */
  expire(user: string): void {
    this.mailbox(user).envelopes = [];
  }

  #onAcked: () => void = () => undefined;

  /** Puts an envelope into a mailbox, as a malicious relay could. */
  inject(user: string, envelope: Omit<Envelope, 'seq' | 'at'>): void {
    const device = this.mailbox(user);
    device.envelopes.push({ ...envelope, seq: ++device.head, at: this.now });
    this.#push(device);
  }

  #allDevices(): FakeDevice[] {
    return [...this.users.values()].flatMap((user) => [...user.devices.values()]);
  }

  #route({ method, path, body, device: credentials }: RelayRequest, caller: Aci): unknown {
    const [, user] = /^\/v1\/users\/([^/]+)\//.exec(path) ?? [];
    if (path === '/v1/devices' && method === 'POST') return this.#register(caller, s.parse(registerRequest, body));
    const device = this.#authenticate(caller, credentials);
    switch (`${method} ${path.replace(user ?? ':', ':user')}`) {
      case 'PUT /v1/device-list':
        return this.#putList(caller, s.parse(putDeviceListRequest, body));
      case 'GET /v1/users/:user/device-list':
        return { user, ...this.#listOf(user as Aci) };
      case 'PUT /v1/prekeys':
        return this.#putPreKeys(device, s.parse(putPreKeysRequest, body));
      case 'POST /v1/users/:user/bundles':
        return this.#bundles(user as Aci, s.parse(bundlesRequest, body).devices);
      case 'POST /v1/link-tokens':
        return this.#linkToken(caller);
      case 'GET /v1/devices':
        return this.#devicesOf(caller);
      case 'DELETE /v1/devices/self':
        this.users.get(caller)?.devices.delete(device.device);
        return { ok: true };
      default:
        throw refuse('not-found');
    }
  }

  #register(caller: Aci, request: s.Infer<typeof registerRequest>): unknown {
    let user = this.users.get(caller);
    const attempt = toBase64Url(request.attempt);
    const known = [...(user?.devices.values() ?? [])].find((device) => device.attempt === attempt);
    if (user && user.devices.size > 0 && !known && !request.reset) {
      if (!request.linkToken) throw refuse('needs-device');
      if (!user.linkTokens.delete(toBase64Url(request.linkToken))) throw refuse('link-token-invalid');
      if (user.identityKey !== toBase64Url(request.identityKey)) throw refuse('identity-mismatch');
    }
    if (!user || (request.reset && !known)) {
      const gone = new Set([...(user?.devices.values() ?? [])].map(({ device, secret }) => `${device}.${secret}`));
      for (const device of user?.devices.values() ?? []) device.socket?.handlers.onClose(body('device-gone'));
      const identityKey = toBase64Url(request.identityKey);
      user = { identityKey, list: null, devices: new Map(), linkTokens: new Set(), gone };
      this.users.set(caller, user);
    }
    const device = known ?? this.#newDevice(attempt, lowestFree(user));
    user.devices.set(device.device, device);
    return {
      user: caller,
      device: device.device,
      registration: device.registration,
      secret: device.secret,
      list: user.list && s.encode(putDeviceListRequest, user.list),
      nextListVersion: this.#listVersion + 1,
    };
  }

  #listVersion = 0;
  #registration = 0;

  #newDevice(attempt: string, device: DeviceId): FakeDevice {
    return {
      device,
      registration: ++this.#registration as RegistrationId,
      secret: toBase64Url(crypto.getRandomValues(new Uint8Array(32))),
      attempt,
      signed: undefined,
      lastResort: undefined,
      oneTime: [],
      kem: [],
      envelopes: [],
      seen: new Set(),
      head: 0,
      acked: { seq: 0, id: null },
      sealings: 0,
      socket: null,
    };
  }

  #authenticate(caller: Aci, credentials = ''): FakeDevice {
    const [id, secret] = credentials.split('.');
    const user = this.users.get(caller);
    const device = user?.devices.get(Number(id));
    if (user?.gone.has(credentials)) throw refuse('device-gone');
    if (device?.secret !== secret || !device) throw refuse('device-unknown');
    return device;
  }

  #putList(caller: Aci, list: SignedDeviceList): unknown {
    const user = this.users.get(caller);
    const record = decodeDeviceList(list.record);
    const held = user?.list && decodeDeviceList(user.list.record);
    if (!user || !record || (held && record.version !== held.version + 1)) throw refuse('device-list-conflict');
    user.list = list;
    this.#listVersion = Math.max(this.#listVersion, record.version);
    for (const device of [...user.devices.values()]) {
      const named = record.devices.some((entry) => entry.device === device.device);
      const wasNamed = held?.devices.some((entry) => entry.device === device.device);
      if (named) device.socket?.handlers.onDeviceListChanged();
      if (!named && wasNamed) this.remove(user, device.device);
    }
    return { ok: true };
  }

  /** Removes a device, as a list without it does, or inactivity. */
  remove(user: FakeUser, id: DeviceId): void {
    const device = user.devices.get(id);
    if (!device) return;
    user.devices.delete(id);
    user.gone.add(`${id}.${device.secret}`);
    const { socket } = device;
    device.socket = null;
    socket?.handlers.onClose(body('device-gone'));
  }

  #linkToken(caller: Aci): unknown {
    const linkToken = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
    this.users.get(caller)?.linkTokens.add(linkToken);
    return { linkToken, expiresInMs: 600_000 };
  }

  #devicesOf(caller: Aci): unknown {
    const user = this.users.get(caller);
    const listed = user?.list && decodeDeviceList(user.list.record)?.devices;
    const devices = [...(user?.devices.values() ?? [])].map(({ device, registration }) => ({
      device,
      registration,
      listed: listed?.some((entry) => entry.device === device && entry.registration === registration) ?? false,
      createdAt: this.now,
      lastSeenAt: this.now,
    }));
    return { devices };
  }

  #listOf(user: Aci): { identityKey: string; list: unknown } {
    const found = this.users.get(user);
    if (!found?.list) throw refuse('user-unknown');
    return { identityKey: found.identityKey, list: s.encode(putDeviceListRequest, found.list) };
  }

  #putPreKeys(device: FakeDevice, keys: PutPreKeysRequest): unknown {
    device.signed = keys.signedPreKey ?? device.signed;
    device.lastResort = keys.lastResortKemPreKey ?? device.lastResort;
    device.oneTime = [...(keys.replace ? [] : device.oneTime), ...keys.oneTimePreKeys];
    device.kem = [...(keys.replace ? [] : device.kem), ...keys.kemPreKeys];
    return this.#counts(device);
  }

  #counts = (device: FakeDevice): { oneTime: number; kem: number } => ({
    oneTime: device.oneTime.length,
    kem: device.kem.length,
  });

  #bundles(user: Aci, devices: readonly DeviceId[]): unknown {
    const encodeKey = (key: object): unknown =>
      Object.fromEntries(
        Object.entries(key).map(([name, value]) => [
          name,
          value instanceof Uint8Array ? toBase64Url(value) : (value as unknown),
        ]),
      );
    const bundles = devices.flatMap((id) => {
      const device = this.users.get(user)?.devices.get(id);
      const kem = device?.kem.shift() ?? device?.lastResort;
      const oneTime = device?.oneTime.shift();
      if (!device?.signed || !kem) return [];
      return [
        {
          device: id,
          registration: device.registration,
          signedPreKey: encodeKey(device.signed),
          kemPreKey: encodeKey(kem),
          oneTimePreKey: oneTime ? encodeKey(oneTime) : null,
        },
      ];
    });
    return { user, ...this.#listOf(user), bundles };
  }

  #connect(hello: Hello, handlers: SocketHandlers): RelaySocket {
    const caller = userOf(hello.token);
    let mine: FakeDevice | null = null;
    let closed = false;
    queueMicrotask(() => {
      if (closed) return;
      const device = this.users.get(caller)?.devices.get(hello.device);
      if (this.down) {
        handlers.onClose(null);
        return;
      }
      if (!device || device.secret !== toBase64Url(hello.secret)) {
        const gone = this.users.get(caller)?.gone.has(`${hello.device}.${toBase64Url(hello.secret)}`) ?? false;
        handlers.onClose(body(gone ? 'device-gone' : 'device-unknown'));
        return;
      }
      device.socket?.handlers.onClose(body('superseded'));
      mine = device;
      const welcome = this.#welcome(device, hello);
      device.socket = { handlers, sent: device.acked.seq, epoch: hello.epoch };
      handlers.onWelcome(welcome);
      this.#push(device);
      handlers.onDrained({ head: device.head });
    });
    const live = async (): Promise<FakeDevice> => {
      await Promise.resolve();
      if (this.down || mine?.socket?.handlers !== handlers) throw new RelayError(null);
      return mine;
    };
    return {
      submit: async (submit) => this.#submit(submit, caller, await live()),
      ack: async ({ seq, id }) => {
        const device = await live();
        device.acked = { seq, id };
        device.envelopes = device.envelopes.filter((envelope) => envelope.seq > seq);
        this.#push(device);
        this.#onAcked();
        return { ok: true };
      },
      token: async () => (await live(), { ok: true }),
      join: async (join) => (await live(), this.topics.join(join, handlers)),
      leave: async (leave) => (await live(), this.topics.leave(leave, handlers)),
      publish: async (publish) => {
        await live();
        this.seen.push(publish.payload);
        return this.topics.publish(publish, handlers);
      },
      close: () => {
        closed = true;
        if (mine?.socket?.handlers === handlers) mine.socket = null;
        this.topics.gone(handlers);
      },
    };
  }

  #welcome(device: FakeDevice, { cursor, sealings }: Hello): Welcome {
    const at = device.envelopes.find(({ seq }) => seq === cursor.seq);
    const story =
      cursor.seq > device.head || (at && cursor.id && toBase64Url(at.id) !== toBase64Url(cursor.id))
        ? 'mailbox-reset'
        : device.acked.seq > cursor.seq
          ? 'vault-behind'
          : 'ok';
    const verdict = sealings < device.sealings ? 'vault-behind' : story;
    this.verdicts.push(verdict);
    if (story === 'ok') {
      device.acked = cursor;
      device.envelopes = device.envelopes.filter(({ seq }) => seq > cursor.seq);
      this.#onAcked();
    }
    return {
      protocol: 1,
      time: this.now,
      verdict,
      acked: device.acked,
      sealings: device.sealings,
      head: device.head,
      first: device.envelopes[0]?.seq ?? device.head + 1,
      retentionSeconds: 45 * 24 * 3600,
      listVersion: 1,
      preKeys: this.#counts(device),
      expiring: [],
      limits: { payloadBytes: 98_304, submitBytes: 1_048_576 },
    };
  }

  #submit(submit: Submit, from: Aci, sender: FakeDevice): SubmitReply {
    this.seen.push(submit.payloads);
    const order = this.onSubmit(submit, from);
    if (order && order !== 'lost') return { ok: false, error: body(order) };
    const stale = this.#stale(submit, from, sender);
    if (stale.length > 0) return { ok: false, error: { ...body('stale-device-list'), stale } };
    sender.sealings = Math.max(sender.sealings, submit.sealing);
    const outcomes = submit.recipients.flatMap(({ user, devices }) =>
      devices.map(({ device, registration, payload }): Outcome => {
        const target = this.users.get(user)?.devices.get(device);
        if (target?.registration !== registration) return 'device-gone';
        const key = `${from}.${sender.device}/${toBase64Url(submit.id)}`;
        if (target.seen.has(key)) return 'duplicate';
        target.seen.add(key);
        const bytes = this.tamper(submit.payloads[payload] ?? new Uint8Array(), { user, device }, from);
        if (!bytes) return 'stored';
        target.envelopes.push({
          seq: ++target.head,
          id: submit.id,
          user: from,
          device: sender.device,
          registration: sender.registration,
          at: this.now,
          payload: bytes,
        });
        this.#push(target);
        return 'stored';
      }),
    );
    if (order === 'lost') throw new RelayError(null);
    return { ok: true, outcomes };
  }

  #stale(submit: Submit, from: Aci, sender: FakeDevice): StaleUser[] {
    return submit.recipients.flatMap(({ user, devices, list, complete }) => {
      const found = this.users.get(user);
      const record = found?.list && decodeDeviceList(found.list.record);
      const wanted = (record?.devices ?? []).filter(({ device }) => user !== from || device !== sender.device);
      const missing = wanted.filter(
        (entry) => !devices.some((one) => one.device === entry.device && one.registration === entry.registration),
      );
      const gone = devices.filter(
        (one) => !wanted.some((entry) => one.device === entry.device && one.registration === entry.registration),
      );
      if (!complete || (record?.version === list && missing.length === 0 && gone.length === 0)) return [];
      return [{ user, version: record?.version ?? 0, missing, gone }];
    });
  }

  #push(device: FakeDevice): void {
    const { socket } = device;
    if (!socket) return;
    const waiting = device.envelopes.filter(({ seq }) => seq > socket.sent);
    const envelopes = waiting.slice(0, this.batch);
    const last = envelopes.at(-1);
    if (!last) return;
    socket.sent = last.seq;
    const deliver = {
      first: device.envelopes[0]?.seq ?? device.head + 1,
      envelopes,
      left: waiting.length - envelopes.length,
    };
    queueMicrotask(() => {
      if (device.socket !== socket) return;
      socket.handlers.onDeliver(deliver);
      this.#push(device);
    });
  }
}

function lowestFree(user: FakeUser): DeviceId {
  let id = 1;
  while (user.devices.has(id)) id++;
  return id as DeviceId;
}

/** Whose token it is. */
export function userOf(token: string): Aci {
  const bytes = fromBase64Url(token.split('.')[1] ?? '') ?? new Uint8Array();
  return aciOfName((JSON.parse(new TextDecoder().decode(bytes)) as { sub: string }).sub);
}

const MESSAGE = 'the fake relay refuses';
const body = (code: ErrorCode): ErrorBody => ({ code, message: MESSAGE });
const refuse = (code: ErrorCode): RelayError => new RelayError(body(code));

export const aciOfName = (user: string): Aci => aciFromDigest(sha256(aciInput(APP, user)));
