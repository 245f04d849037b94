import type { AppId } from '@sotto/protocol';

import { Client } from '../../src/client/client.js';
import type { Message } from '../../src/index.js';
import type { Live } from '../../src/live.js';
import type { Kinds } from '../../src/content/kind.js';
import { STANDARD_KINDS } from '../../src/content/kinds.js';
import { Front } from '../../src/conversations/front.js';
import { startEngine, type Engine } from '../../src/engine/engine.js';
import type { LaterModules } from '../../src/engine/later.js';
import type { TokenSource } from '../../src/engine/tokens.js';
import type { ConnectionStatus } from '../../src/history/connection-status.js';
import { HISTORY_SCHEMA, type History } from '../../src/history/schema.js';
import type { IdentityPolicy } from '../../src/history/identity-policy.js';
import type { ReceiptPolicy } from '../../src/history/receipt-policy.js';
import { memoryTables } from '../../src/storage/memory-tables.js';
import { systemClock, type Clock } from '../../src/util/clock.js';
import { localTabChannel } from '../../src/util/tab-channel.js';
import { systemRandom } from '../../src/util/random.js';
import { VAULT_SCHEMA, type Vault } from '../../src/vault/schema.js';
import { aciOfName, FakeRelay } from './fake-relay.js';
import { atHand } from './later.js';

const APP = 'test' as AppId;

export interface PersonOptions {
  readonly receipts?: ReceiptPolicy;
  readonly kinds?: Kinds;
  readonly identityChanges?: IdentityPolicy;
  readonly clock?: Clock;
  /** Milliseconds that receipts wait for others to leave with. */
  readonly gatherMs?: number;
  readonly later?: LaterModules;
  /** The app's backend; absent: the relay mints tokens. */
  readonly token?: TokenSource;
}

const DEFAULTS: Required<Omit<PersonOptions, 'token'>> = {
  receipts: 'always',
  kinds: STANDARD_KINDS,
  identityChanges: 'inform',
  clock: systemClock,
  gatherMs: 0,
  later: atHand,
};

/** One user with one device in memory: databases that outlive engines, and an engine that can be killed and restarted. */
export class Person {
  readonly history: History;
  readonly vault: Vault;
  readonly client: Client;
  readonly #openTabChannel = localTabChannel();
  readonly front: Front;
  #engine: Engine | null = null;

  readonly #options: Required<PersonOptions>;

  constructor(
    readonly name: string,
    readonly relay: FakeRelay,
    options: PersonOptions = {},
    databases?: Pick<Person, 'history' | 'vault'>,
  ) {
    this.#options = { ...DEFAULTS, token: () => relay.token(name), ...options };
    this.history = databases?.history ?? memoryTables(HISTORY_SCHEMA);
    this.vault = databases?.vault ?? memoryTables(VAULT_SCHEMA);
    const { receipts, kinds, clock } = this.#options;
    this.front = new Front({
      app: APP,
      user: aciOfName(name),
      userName: name,
      clock,
      random: systemRandom,
      receipts,
      kinds,
      history: this.history,
      channel: this.#openTabChannel(),
    });
    this.client = new Client(this.front, { close: async () => this.sleep(), destroy: async () => this.sleep() });
  }

  /** Starts an engine on the databases (or, while one runs, a second one beside it). */
  async wake({ history = this.history, vault = this.vault }: { history?: History; vault?: Vault } = {}): Promise<this> {
    this.#engine = await startEngine({
      app: APP,
      userName: this.name,
      user: aciOfName(this.name),
      ...this.#options,
      history,
      vault,
      relay: this.relay.port(),
      random: systemRandom,
      openTabChannel: this.#openTabChannel,
      onSuperseded: () => undefined,
      onUnstored: (status) => this.client.showUnstored(status),
      // A story needs few, and its engines would go on making them long after it has ended.
      preKeyStock: 10,
    });
    return this;
  }

  /** The same device after its app has been updated: to a version of these kinds. */
  async updated(kinds: Kinds): Promise<Person> {
    await this.sleep();
    return new Person(this.name, this.relay, { ...this.#options, kinds }, this).wake();
  }

  /** Stops the engine in an orderly way. */
  async sleep(): Promise<void> {
    await this.#engine?.stop();
    this.#engine = null;
  }

  /** As when the browser says that there is a network again. */
  retryNow(): void {
    this.#engine?.retryNow();
  }

  async say(to: Person, text: string): Promise<void> {
    await this.client.direct(to.name).send(text);
  }

  /** Resolves with the conversation's messages once they satisfy the condition. */
  sees(other: Pick<Person, 'name'>, condition: (messages: readonly Message[]) => boolean): Promise<readonly Message[]> {
    return until(this.client.direct(other.name).messages, condition);
  }

  /** Resolves with all texts of the conversation once there are `count` messages. */
  async texts(other: Person, count: number): Promise<string[]> {
    return (await this.sees(other, (messages) => messages.length >= count)).map(({ text }) => text);
  }

  /** Resolves when the relay has the message. */
  async hasSent(to: Person, text: string): Promise<void> {
    await this.sees(to, (list) =>
      list.some((one) => one.kind === 'text' && one.text === text && one.status !== 'pending'),
    );
  }

  async online(): Promise<void> {
    await this.status(({ state }) => state === 'online');
  }

  /**
   * Resolves with the engine's word on the connection once it satisfies the condition. Asks the database: what the client saw
   * last, while nobody listened to it, may be an earlier engine's word.
   */
  status(condition: (status: ConnectionStatus) => boolean): Promise<ConnectionStatus> {
    return new Promise((resolve, reject) => {
      const observation = this.history.observe(
        ['status'],
        (transaction) => transaction.get('status', ['connection']),
        (row) => {
          if (!row || !condition(row.value)) return;
          observation.end();
          resolve(row.value);
        },
        reject,
      );
    });
  }
}

export interface Pair<R extends FakeRelay = FakeRelay> {
  readonly relay: R;
  readonly alice: Person;
  readonly bob: Person;
}

/** Both, or each in a way of their own. */
export type PairOptions = PersonOptions & { readonly alice?: PersonOptions; readonly bob?: PersonOptions };

/** Alice and Bob, online, who have not met. */
export function aliceAndBob(options: PairOptions = {}): Promise<Pair> {
  return aliceAndBobOn(new FakeRelay(), options);
}

export async function aliceAndBobOn<R extends FakeRelay>(
  relay: R,
  { alice: hers, bob: his, ...both }: PairOptions = {},
): Promise<Pair<R>> {
  const alice = await new Person('alice', relay, { ...both, ...hers }).wake();
  const bob = await new Person('bob', relay, { ...both, ...his }).wake();
  await Promise.all([alice.online(), bob.online()]);
  return { relay, alice, bob };
}

/** Alice has said "hello", Bob has said "hi", and both know that it has arrived: nothing is under way. */
export function aliceAndBobTalking(options: PairOptions = {}): Promise<Pair> {
  return aliceAndBobTalkingOn(new FakeRelay(), options);
}

export async function aliceAndBobTalkingOn<R extends FakeRelay>(relay: R, options: PairOptions = {}): Promise<Pair<R>> {
  const { alice, bob } = await aliceAndBobOn(relay, options);
  await alice.say(bob, 'hello');
  await bob.texts(alice, 1);
  await bob.say(alice, 'hi');
  await alice.texts(bob, 2);
  const isDelivered = (list: readonly Message[]): boolean =>
    list.some((one) => one.mine && one.kind === 'text' && one.status === 'delivered');
  await Promise.all([alice.sees(bob, isDelivered), bob.sees(alice, isDelivered)]);
  await relay.emptied('alice');
  await relay.emptied('bob');
  return { relay, alice, bob };
}

/** The relay has forgotten who had a name: somebody with another identity has it from now on. */
export async function inPlaceOf(relay: FakeRelay, name: string): Promise<Person> {
  relay.users.delete(aciOfName(name));
  const person = await new Person(name, relay).wake();
  await person.online();
  return person;
}

/** Somebody loses their device, and begins on a new one as if they had never been there. */
export async function startsAfresh(person: Person): Promise<Person> {
  await person.sleep();
  return inPlaceOf(person.relay, person.name);
}

/** The registrations of Bob's that Alice's device submits something to from now on. */
export function submitsToBob(relay: FakeRelay): number[] {
  const registrations: number[] = [];
  relay.onSubmit = (submit, from) => {
    if (from !== aciOfName('alice')) return null;
    for (const { user, devices } of submit.recipients)
      if (user === aciOfName('bob')) registrations.push(...devices.map(({ registration }) => registration));
    return null;
  };
  return registrations;
}

/** Waits for an event, never for a time: the test runner's own limit ends what never comes. */
export function until<T>(live: Live<T>, condition: (value: T) => boolean): Promise<T> {
  return new Promise((resolve) => {
    const stop = live.subscribe((value) => {
      if (!condition(value)) return;
      resolve(value);
      // The first call comes before `subscribe` has returned.
      queueMicrotask(() => {
        stop();
      });
    });
  });
}
