import { createHash } from 'node:crypto';

import type { Submit } from '@sotto/protocol';

import { now, Party, PAYLOAD_BYTES, type Login } from './party.js';

/** How many sockets of a generator are being opened at once. */
const OPENING = 64;
const POOL_BYTES = 1 << 20;

/** A timer of one millisecond, as the event loop keeps it. */
const TICK_MS = 1.25;

export interface Pair {
  /** Indexes of connected parties. */
  from: number;
  to: Submit['recipients'];
}

export interface LoadResult {
  submitted: number;
  received: number;
  /** From the first submit until everything was delivered and acknowledged. */
  seconds: number;
  latencies: Float64Array;
  /** When each of them was submitted, on the machine's clock, milliseconds. */
  times?: Float64Array;
  failures: string[];
}

/** A load generator: many devices in one process. Its methods are called from the benchmark's process. */
export class Load {
  readonly #parties: Party[] = [];
  readonly #random: Buffer;
  readonly #run = Buffer.alloc(8);
  #count = 0;

  /** The same seed makes the same bytes. */
  constructor(seed: string) {
    this.#random = createHash('shake256', { outputLength: POOL_BYTES + PAYLOAD_BYTES })
      .update(seed)
      .digest();
    this.#random.copy(this.#run, 0, 0, 8);
  }

  /** Opens a socket for each device. @returns milliseconds that each took */
  async connect(logins: Login[]): Promise<number[]> {
    const times: number[] = [];
    const waiting = logins.map((login) => ({ login, party: new Party() }));
    this.#parties.push(...waiting.map(({ party }) => party));
    const open = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const started = now();
        await next.party.connect(next.login);
        times.push(now() - started);
      }
    };
    await Promise.all(Array.from({ length: OPENING }, open));
    return times;
  }

  async close(): Promise<void> {
    for (const party of this.#parties.splice(0)) party.close();
    return Promise.resolve();
  }

  failures(): Promise<string[]> {
    return Promise.resolve(this.#parties.flatMap((party) => party.failures));
  }

  /** Each pair keeps so many submits open until the time is over. */
  async closed({ pairs, outstanding, seconds }: { pairs: Pair[]; outstanding: number; seconds: number }) {
    const senders = this.#senders(pairs);
    return this.#measure(senders.length, async () => {
      const deadline = now() + seconds * 1e3;
      const again = (sender: Party) =>
        new Promise<void>((resolve) => {
          const next = () => {
            const time = now();
            if (time >= deadline || sender.failures.length > 0) resolve();
            else this.#submit(sender, time, next);
          };
          next();
        });
      await Promise.all(senders.flatMap((sender) => Array.from({ length: outstanding }, () => again(sender))));
    });
  }

  /**
   * So many submits a second, whether answered or not. Those of a tick that comes in time count from when they are sent; a
   * submit that the generator itself makes late counts from the time when it was due.
   */
  async open({ pairs, perSecond, seconds }: { pairs: Pair[]; perSecond: number; seconds: number }) {
    const senders = this.#senders(pairs);
    return this.#measure(senders.length, async () => {
      const started = now();
      let last = started;
      let sent = 0;
      let answered = 0;
      while (last - started < seconds * 1e3) {
        const time = now();
        const inTime = last + TICK_MS;
        last = time;
        for (const due = ((time - started) / 1e3) * perSecond; sent < due; sent++) {
          const sender = senders[sent % senders.length];
          const dueAt = started + (sent / perSecond) * 1e3;
          const at = Math.min(time, Math.max(inTime, dueAt));
          if (sender) this.#submit(sender, at, () => answered++);
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await this.#until(() => answered >= sent);
    });
  }

  /** One submit from each sender, one after another. @returns milliseconds until each was answered */
  async once(pairs: Pair[]): Promise<number[]> {
    const times: number[] = [];
    for (const sender of this.#senders(pairs)) {
      const started = now();
      await new Promise<boolean>((resolve) => this.#submit(sender, started, resolve));
      times.push(now() - started);
    }
    return times;
  }

  /** Connects one device to its backlog. @returns milliseconds until all of it was delivered and acknowledged */
  async backlog({ login, envelopes }: { login: Login; envelopes: number }): Promise<number> {
    const party = new Party();
    this.#parties.push(party);
    const started = now();
    await party.connect(login);
    await this.#until(() => party.acked >= envelopes);
    return now() - started;
  }

  /** Fills mailboxes: each sender submits so many, some at a time. */
  async fill({ pairs, each }: { pairs: Pair[]; each: number }): Promise<void> {
    const work = async (sender: Party, share: number) => {
      for (let left = share; left > 0; left--) {
        await new Promise<boolean>((resolve) => this.#submit(sender, now(), resolve));
      }
    };
    await Promise.all(
      this.#senders(pairs).flatMap((sender) => Array.from({ length: 50 }, () => work(sender, each / 50))),
    );
    await this.#until(() => true);
  }

  /**
   * Each pair submits one message after another, and each again until it is stored. @returns when each was, on the
   * machine's clock
   */
  async stubborn({ pairs, seconds }: { pairs: Pair[]; seconds: number }): Promise<number[]> {
    for (const party of this.#parties) party.tolerant = true;
    const times: number[] = [];
    const deadline = now() + seconds * 1e3;
    await Promise.all(
      this.#senders(pairs).map(async (sender) => {
        while (now() < deadline) {
          const message = this.#message();
          while (now() < deadline + 30_000) {
            const isStored = await new Promise<boolean>((resolve) => {
              sender.submit(message.id, message.text, now(), resolve);
            });
            if (isStored) break;
            await new Promise((resolve) => setTimeout(resolve, 10));
          }
          times.push(now());
        }
      }),
    );
    return times;
  }

  /** Waits until so many envelopes were acknowledged by all parties together. @returns when, on the machine's clock */
  async settled(envelopes: number): Promise<number> {
    await this.#until(() => this.#sum('acked') >= envelopes);
    return now();
  }

  #senders(pairs: Pair[]): Party[] {
    return pairs.map(({ from, to }) => {
      const party = this.#parties[from];
      if (!party) throw new Error('This device is not connected.');
      party.writeTo(to);
      return party;
    });
  }

  #submit(sender: Party, at: number, done: (stored: boolean) => void): void {
    const { id, text } = this.#message();
    sender.submit(id, text, at, done);
  }

  #message(): { id: Buffer; text: Buffer } {
    const id = Buffer.allocUnsafe(16);
    this.#run.copy(id);
    id.writeDoubleBE(++this.#count, 8);
    const start = (this.#count * 997) % POOL_BYTES;
    return { id, text: this.#random.subarray(start, start + PAYLOAD_BYTES) };
  }

  async #measure(senders: number, work: () => Promise<void>): Promise<LoadResult> {
    if (senders === 0) throw new Error('There is nobody to send.');
    const before = { stored: this.#sum('stored'), received: this.#sum('received'), acked: this.#sum('acked') };
    for (const party of this.#parties) [party.latencies, party.times] = [[], []];
    const started = now();
    await work();
    const submitted = this.#sum('stored') - before.stored;
    await this.#until(() => this.#sum('acked') - before.acked >= submitted);
    return {
      submitted,
      received: this.#sum('received') - before.received,
      seconds: (now() - started) / 1e3,
      latencies: Float64Array.from(this.#parties.flatMap(({ latencies }) => latencies)),
      times: Float64Array.from(this.#parties.flatMap(({ times }) => times)),
      failures: this.#parties.flatMap(({ failures }) => failures).slice(0, 5),
    };
  }

  #sum(what: 'stored' | 'received' | 'acked'): number {
    return this.#parties.reduce((total, party) => total + party[what], 0);
  }

  /** Rejects when something failed, or nothing happens for a minute. */
  async #until(done: () => boolean): Promise<void> {
    const deadline = now() + 60_000;
    do {
      const failures = this.#parties.flatMap((party) => party.failures);
      if (failures.length > 0) throw new Error(`the load failed: ${failures.slice(0, 3).join('; ')}`);
      if (now() > deadline) {
        const [stored, received, acked] = (['stored', 'received', 'acked'] as const).map((what) => this.#sum(what));
        throw new Error(
          `the load did not come to its end: ${stored} stored, ${received} received, ${acked} acknowledged`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    } while (!done());
  }
}
