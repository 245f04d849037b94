import { mintToken, type MintTokenOptions } from '@sotto/relay/token';
import { TEST_APP } from '@sotto/relay/testing';
import type { Browser } from 'playwright';

import { startBackend, type Backend, type Setup } from './backend.js';
import { launch, type Engine } from './browser.js';
import { PageServer } from './page-server.js';
import { Person, type Tab } from './person.js';
import { TcpProxy } from './proxy.js';
import { RelayProcess } from './relay-process.js';

/** The app whose users `@sotto/relay/testing` plays, so that its bare wire clients can join a story. */
const { id: APP, secret: SECRET } = TEST_APP;

interface Parts {
  readonly browser: Browser;
  readonly backend: Backend;
  readonly site: PageServer;
  readonly relays: readonly [RelayProcess, ...RelayProcess[]];
  readonly tokens: Tokens;
}

interface Strangers {
  alice: Person;
  bob: Person;
}

/** With a tab of each. */
interface Pair extends Strangers {
  her: Tab;
  his: Tab;
}

/** What the app's backend answers when a page asks for a login token. */
class Tokens {
  readonly #exceptions = new Map<string, () => Promise<string>>();

  mint(user: string): Promise<string> {
    return (this.#exceptions.get(user) ?? (() => mintToken({ app: APP, user, key: SECRET })))();
  }

  except(user: string, answer: (() => Promise<string>) | null): void {
    if (answer) this.#exceptions.set(user, answer);
    else this.#exceptions.delete(user);
  }
}

/** Everything that an end-to-end story needs: a browser, an app's website, relays with their stores, a network between. */
export class World {
  readonly app = APP;
  readonly #parts: Parts;
  readonly #people: Person[] = [];
  #pairs = 0;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** @param splitting as of {@link PageServer.start} */
  static async create(setup: Setup, engine: Engine = 'chromium', { splitting = false } = {}): Promise<World> {
    const undo: (() => Promise<unknown>)[] = [];
    try {
      const tokens = new Tokens();
      const site = await PageServer.start((user) => tokens.mint(user), undefined, splitting);
      undo.push(() => site.stop());
      const backend = await startBackend(setup);
      undo.push(() => backend.stop());
      const relays = await startRelays(backend, site.origin, undo);
      const browser = await launch(engine);
      return new World({ browser, backend, site, relays, tokens });
    } catch (error) {
      for (const step of undo.reverse()) await step();
      throw error;
    }
  }

  /** The first is the one that people connect to unless said otherwise. */
  get relays(): readonly [RelayProcess, ...RelayProcess[]] {
    return this.#parts.relays;
  }

  get site(): PageServer {
    return this.#parts.site;
  }

  get backend(): Backend {
    return this.#parts.backend;
  }

  /** Someone who was never here before. In a cluster each further person comes to the next node. */
  async person(
    name: string,
    peer: string,
    { quota, ...options }: { record?: boolean; quota?: number } = {},
  ): Promise<Person> {
    const { browser, site, relays } = this.#parts;
    const node = relays[this.#people.length % relays.length] ?? relays[0];
    const network = await TcpProxy.start({ host: '127.0.0.1', port: node.port }, options);
    const person = await Person.arrive(browser, { name, peer, app: APP, origin: site.origin, network, quota });
    this.#people.push(person);
    return person;
  }

  /** Two who were never here before, under names that nobody has used yet. */
  async strangers(): Promise<Strangers> {
    const number = ++this.#pairs;
    const [a, b] = [`alice-${number}`, `bob-${number}`];
    return { alice: await this.person(a, b), bob: await this.person(b, a) };
  }

  /** Two strangers, both with the app open and online. */
  async aliceAndBob(): Promise<Pair> {
    const { alice, bob } = await this.strangers();
    const [her, his] = [await alice.open(), await bob.open()];
    await Promise.all([her.isIn('online'), his.isIn('online')]);
    return { alice, bob, her, his };
  }

  /** Two strangers, after her first hello, which he has read. */
  async acquainted(): Promise<Pair> {
    const pair = await this.aliceAndBob();
    await pair.her.send('hello');
    await pair.his.shows('hello');
    return pair;
  }

  /** A page of another site, to which a tab may go and come back from. */
  elsewhere(): string {
    return `http://localhost:${this.#parts.relays[0].port}/healthz`;
  }

  /** A token as the app's backend mints it, or wrong in the way that `difference` says. */
  token(user: string, difference: Partial<MintTokenOptions> = {}): Promise<string> {
    return mintToken({ app: APP, user, key: SECRET, ...difference });
  }

  /** From now on the app's backend answers this for the user; null: as usual again. */
  loginOf(user: string, answer: (() => Promise<string>) | null): void {
    this.#parts.tokens.except(user, answer);
  }

  /** Everybody leaves. The relays keep running with what they hold. */
  async clear(): Promise<void> {
    for (const person of this.#people.splice(0)) {
      await person.leave();
      await person.network.stop();
    }
  }

  async end(): Promise<void> {
    const { browser, backend, site, relays } = this.#parts;
    await this.clear();
    await browser.close();
    await Promise.all(relays.map((relay) => relay.kill()));
    await Promise.all([site.stop(), backend.stop()]);
  }
}

async function startRelays(
  backend: Backend,
  origin: string,
  undo: (() => Promise<unknown>)[],
): Promise<[RelayProcess, ...RelayProcess[]]> {
  const apps = JSON.stringify([{ id: APP, algorithm: 'HS256', secret: SECRET, origins: [origin] }]);
  const relays: RelayProcess[] = [];
  for (const node of backend.nodes) {
    const relay = await RelayProcess.start({ ...node, SOTTO_APPS: apps });
    undo.push(() => relay.kill());
    relays.push(relay);
  }
  const [first, ...others] = relays;
  if (!first) throw new Error('a world needs a relay');
  return [first, ...others];
}
