import {
  decodeDeviceList,
  toBase64Url,
  type Aci,
  type CursorVerdict,
  type Envelope,
  type ErrorCode,
  type Hello,
  type Outcome,
  type StaleUser,
  type Submit,
  type SubmitReply,
  type Welcome,
} from '@sotto/protocol';

import { RelayError } from '../../src/network/relay-error.js';
import type { RelaySocket, SocketHandlers } from '../../src/network/relay-port.js';
import { preKeyCounts, type FakeDevice, type FakeUser } from './fake-device.js';
import { refusal } from './fake-refusal.js';
import type { FakeTopics } from './fake-topics.js';

/** What a story sets, and what it is shown: `FakeRelay` says what each is. */
export interface Stage {
  readonly users: ReadonlyMap<Aci, FakeUser>;
  readonly topics: FakeTopics;
  readonly seen: unknown[];
  readonly verdicts: CursorVerdict[];
  readonly down: boolean;
  readonly batch: number;
  onSubmit(submit: Submit, from: Aci): ErrorCode | 'lost' | null;
  onToken(token: string): ErrorCode | null;
  tamper(payload: Uint8Array, to: { user: Aci; device: number }, from: Aci): Uint8Array | null;
}

/** The fake relay's sockets, and the mailboxes behind them. */
export class FakeMailboxes {
  readonly #stage: Stage;
  #onAcked: () => void = () => undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  connect(caller: Aci, hello: Hello, handlers: SocketHandlers): RelaySocket {
    let mine: FakeDevice | null = null;
    let closed = false;
    queueMicrotask(() => {
      if (closed) return;
      const device = this.#stage.users.get(caller)?.devices.get(hello.device);
      if (this.#stage.down) {
        handlers.onClose(null);
        return;
      }
      if (!device || device.secret !== toBase64Url(hello.secret)) {
        const gone = this.#stage.users.get(caller)?.gone.has(`${hello.device}.${toBase64Url(hello.secret)}`) ?? false;
        handlers.onClose(refusal(gone ? 'device-gone' : 'device-unknown'));
        return;
      }
      device.socket?.handlers.onClose(refusal('superseded'));
      mine = device;
      const welcome = this.#welcome(device, hello);
      device.socket = { handlers, sent: device.acked.seq, epoch: hello.epoch, isCaughtUp: false };
      handlers.onWelcome(welcome);
      this.#push(device);
    });
    const live = async (): Promise<FakeDevice> => {
      await Promise.resolve();
      if (this.#stage.down || mine?.socket?.handlers !== handlers) throw new RelayError(null);
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
      token: async (token) => {
        await live();
        const refused = this.#stage.onToken(token);
        return refused ? { ok: false, error: refusal(refused) } : { ok: true };
      },
      join: async (join) => (await live(), this.#stage.topics.join(join, handlers)),
      leave: async (leave) => (await live(), this.#stage.topics.leave(leave, handlers)),
      publish: async (publish) => {
        await live();
        this.#stage.seen.push(publish.payload);
        return this.#stage.topics.publish(publish, handlers);
      },
      close: () => {
        closed = true;
        if (mine?.socket?.handlers === handlers) mine.socket = null;
        this.#stage.topics.gone(handlers);
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
    this.#stage.verdicts.push(verdict);
    if (story === 'ok') {
      device.acked = cursor;
      device.envelopes = device.envelopes.filter(({ seq }) => seq > cursor.seq);
      this.#onAcked();
    }
    return {
      protocol: 1,
      time: Date.now(),
      verdict,
      acked: device.acked,
      sealings: device.sealings,
      head: device.head,
      first: device.envelopes[0]?.seq ?? device.head + 1,
      retentionSeconds: 45 * 24 * 3600,
      listVersion: 1,
      preKeys: preKeyCounts(device),
      expiring: [],
      limits: { payloadBytes: 98_304, submitBytes: 1_048_576 },
    };
  }

  #submit(submit: Submit, from: Aci, sender: FakeDevice): SubmitReply {
    this.#stage.seen.push(submit.payloads);
    const order = this.#stage.onSubmit(submit, from);
    if (order && order !== 'lost') return { ok: false, error: refusal(order) };
    const stale = this.#stale(submit, from, sender);
    if (stale.length > 0) return { ok: false, error: { ...refusal('stale-device-list'), stale } };
    sender.sealings = Math.max(sender.sealings, submit.sealing);
    const outcomes = submit.recipients.flatMap(({ user, devices }) =>
      devices.map(({ device, registration, payload }): Outcome => {
        const target = this.#stage.users.get(user)?.devices.get(device);
        if (target?.registration !== registration) return 'device-gone';
        const key = `${from}.${sender.device}/${toBase64Url(submit.id)}`;
        if (target.seen.has(key)) return 'duplicate';
        target.seen.add(key);
        const bytes = this.#stage.tamper(submit.payloads[payload] ?? new Uint8Array(), { user, device }, from);
        if (!bytes) return 'stored';
        const { device: id, registration: sent } = sender;
        this.put(target, { id: submit.id, user: from, device: id, registration: sent, payload: bytes });
        return 'stored';
      }),
    );
    if (order === 'lost') throw new RelayError(null);
    return { ok: true, outcomes };
  }

  #stale(submit: Submit, from: Aci, sender: FakeDevice): StaleUser[] {
    return submit.recipients.flatMap(({ user, devices, list, complete }) => {
      const found = this.#stage.users.get(user);
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
    const envelopes = waiting.slice(0, this.#stage.batch);
    const last = envelopes.at(-1);
    if (!last) {
      if (!socket.isCaughtUp) socket.handlers.onDrained({ head: device.head });
      socket.isCaughtUp = true;
      return;
    }
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

  /** Resolves when something is acknowledged next. */
  acked(): Promise<void> {
    return new Promise((resolve) => (this.#onAcked = resolve));
  }

  /** Puts an envelope into a mailbox. */
  put(device: FakeDevice, envelope: Omit<Envelope, 'seq' | 'at'>): void {
    device.envelopes.push({ ...envelope, seq: ++device.head, at: Date.now() });
    this.#push(device);
  }

  /** Cuts every socket without a word. */
  cut(): void {
    const devices = [...this.#stage.users.values()].flatMap((user) => [...user.devices.values()]);
    for (const device of devices) {
      const { socket } = device;
      device.socket = null;
      if (socket) this.#stage.topics.gone(socket.handlers);
      socket?.handlers.onClose(null);
    }
  }
}
