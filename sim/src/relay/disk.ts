import { memoryStore, StoreError, type MailboxId, type Store } from '@sotto/relay';

import type { Process } from '../core/process.js';
import type { Random } from '../core/random.js';

export interface StoreWeather {
  slowest: number;
  /** Chance that a call fails; half of those have happened all the same. */
  failing: number;
}

/** What the checks want to know, told in the event in which it is committed. */
export interface StoreObserver {
  registered(mailbox: MailboxId, address: string): void;
  /** On a user's device list from now on. */
  listed(mailboxes: readonly MailboxId[]): void;
  /** With all that they held. */
  removed(mailboxes: readonly MailboxId[]): void;
  acked(mailbox: MailboxId, seq: number): void;
  envelopeStored(mailbox: MailboxId, seq: number, envelope: Uint8Array): void;
}

type Step = (store: Store) => Promise<unknown>;

interface Entry {
  readonly step: Step;
  readonly kind: string;
  /** It has changed somebody's devices; `listed` are on the list from then on. */
  readonly devices?: { readonly listed: readonly MailboxId[] };
}

/**
 * The relay's database: the memory store, and a journal of everything that was ever written to it, from which an older
 * state can be restored. It survives its nodes.
 */
export class RelayDisk {
  readonly weather: StoreWeather = { slowest: 3, failing: 0 };
  readonly #random: Random;
  readonly #observer: StoreObserver;
  readonly #key: Uint8Array;
  #store: Store;
  #journal: Entry[] = [];

  constructor(random: Random, observer: StoreObserver) {
    this.#random = random;
    this.#observer = observer;
    this.#key = random.bytes(32);
    this.#store = this.#empty();
  }

  /** Without latency and faults: for checks. */
  get inside(): Store {
    return this.#store;
  }

  get length(): number {
    return this.#journal.length;
  }

  /** The shortest journal that still holds everything of the directory: devices, lists, prekeys. */
  get lastDirectoryStep(): number {
    return this.#journal.findLastIndex(({ kind }) => kind === 'user' || kind === 'prekeys') + 1;
  }

  /** The shortest journal in which each of these groups has a listed device. */
  lengthWith(groups: readonly (readonly MailboxId[])[]): number {
    const first = (group: readonly MailboxId[]): number =>
      this.#journal.findIndex(({ devices }) => devices?.listed.some((mailbox) => group.includes(mailbox)));
    const ends = groups.map((group) => first(group) + 1 || this.length);
    return Math.max(0, ...ends);
  }

  /** The steps from that one on in which a device joined, was listed or was removed. */
  deviceStepsFrom(least: number): number[] {
    return this.#journal.flatMap(({ devices }, index) => (devices && index >= least ? [index] : []));
  }

  /** Restores the state after the first `length` steps. */
  async rollBack(length: number): Promise<void> {
    this.#journal = this.#journal.slice(0, length);
    this.#store = this.#empty();
    for (const { step } of this.#journal) await step(this.#store);
  }

  /** The database as one node sees it: every call takes its time and may fail. */
  connect(process: Process): Store {
    const writes = this.#writes(process);
    const reads = <K extends keyof Store>(name: K): Store[K] =>
      ((...args: never[]) =>
        this.#call(process, name, () =>
          (this.#store[name] as (...all: never[]) => Promise<unknown>)(...args),
        )) as Store[K];
    return new Proxy(this.#store, {
      get: (store, name: keyof Store) => {
        if (name in writes) return writes[name];
        // What the memory store says of itself, and what it does not have, is not asked for.
        const own: unknown = Reflect.get(store, name);
        return typeof own === 'function' ? reads(name) : own;
      },
    });
  }

  /** What changes the database is kept in the journal. */
  #writes(process: Process): Partial<Store> {
    return {
      relayKey: () => Promise.resolve(this.#key),
      time: () => Promise.resolve(process.clock().now()),
      close: () => Promise.resolve(),
      submit: (app, batch) =>
        this.#call(process, `submit ${batch.items.length}`, async () => {
          const outcomes = await this.#keep('submit', (store) => store.submit(app, batch));
          outcomes.forEach((outcome, index) => {
            const item = batch.items[index];
            const id = item && batch.submits[item.submit]?.id;
            if (item && id && outcome.outcome === 'stored')
              this.#observer.envelopeStored(item.mailbox, outcome.seq, id);
          });
          return outcomes;
        }),
      ack: (app, items) =>
        this.#call(process, `ack ${items.map(({ seq }) => seq).join(' ')}`, async () => {
          const results = await this.#keep('ack', (store) => store.ack(app, items));
          items.forEach(({ mailbox, seq }, index) => {
            if (results[index] === true) this.#observer.acked(mailbox, seq);
          });
          return results;
        }),
      updateUser: (app, user, decide) =>
        this.#call(process, 'user', async () => {
          const { change, result } = await this.#store.updateUser(app, user, (state) => {
            const decision = decide(state);
            return { change: decision.change, result: decision };
          });
          // What was decided is what is replayed: the decision may have drawn random numbers.
          if (change?.add) {
            const { mailbox, device, registration } = change.add;
            this.#observer.registered(mailbox, `${user}.${device}.${registration}`);
          }
          if (change?.listed) this.#observer.listed(change.listed);
          if (change?.remove) this.#observer.removed(change.remove.mailboxes);
          const touches = change?.add ?? change?.listed ?? change?.remove;
          const devices = touches && { listed: change?.listed ?? [] };
          const step: Step = (store) => store.updateUser(app, user, () => ({ change, result }));
          if (change) this.#journal.push({ kind: 'user', step, ...(devices && { devices }) });
          return result;
        }),
      putPreKeys: (app, mailbox, upload, now) =>
        this.#call(process, 'put prekeys', () =>
          this.#keep('prekeys', (store) => store.putPreKeys(app, mailbox, upload, now)),
        ),
      takeBundle: (app, mailbox, options) =>
        this.#call(process, 'take bundle', () =>
          this.#keep('bundle', (store) => store.takeBundle(app, mailbox, options)),
        ),
      sweep: (policy) => this.#call(process, 'sweep', () => this.#keep('sweep', (store) => store.sweep(policy))),
    };
  }

  #empty(): Store {
    return memoryStore(() => this.#key);
  }

  async #keep<V>(kind: string, step: (store: Store) => Promise<V>): Promise<V> {
    const value = await step(this.#store);
    this.#note(kind, step);
    return value;
  }

  #note(kind: string, step: Step): void {
    this.#journal.push({ kind, step });
  }

  /** There, the statement, back: the node can die in between, and so can the connection to the database. */
  async #call<V>(process: Process, label: string, statement: () => Promise<V>): Promise<V> {
    const { slowest, failing } = this.weather;
    const fails = failing > 0 && this.#random.chance(failing);
    const happens = !fails || this.#random.chance(0.5);
    await process.sleep(this.#random.between(0, slowest), `store ${label}`);
    const done = happens
      ? await statement().then(
          (value) => ({ value }),
          (error: unknown) => ({ error }),
        )
      : null;
    await process.sleep(this.#random.between(0, slowest), fails ? 'store unavailable' : 'store answers');
    if (fails || !done) throw new StoreError('unavailable', new Error('simulated'));
    if ('error' in done) throw done.error;
    return done.value;
  }
}
