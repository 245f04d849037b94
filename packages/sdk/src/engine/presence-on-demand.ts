import type { RelaySocket, TopicEvent } from '../network/relay-port.js';
import { parseToEngine, type ToTabs } from '../presence/tab-messages.js';
import type { TabChannel } from '../util/tab-channel.js';
import type { EngineContext } from './context.js';
import type { Directory } from './directory.js';
import type { LaterModules } from './later.js';
import type { LocalDevice } from './local-device.js';
import type { PresenceKeeper } from './presence.js';
import type { RelayClock } from './relay-clock.js';

/** Typing and presence, from when a tab first has a conversation on its screen: until then nobody asks, and nobody is told. */
export class PresenceOnDemand {
  #stopped = false;
  #loading = false;
  #keeper: PresenceKeeper | null = null;
  /** What the keeper has missed. */
  #connected: [RelaySocket, LocalDevice] | null = null;
  readonly #context: EngineContext;
  readonly #clock: RelayClock;
  readonly #directory: Directory;
  readonly #load: LaterModules['presence'];
  readonly #channel: TabChannel;

  constructor(context: EngineContext, clock: RelayClock, directory: Directory, load: LaterModules['presence']) {
    this.#context = context;
    this.#clock = clock;
    this.#directory = directory;
    this.#load = load;
    this.#channel = context.openTabChannel();
  }

  start(): void {
    this.#channel.listen((message) => {
      const parsed = parseToEngine(message);
      if (parsed?.type === 'watch' && parsed.users.length > 0) void this.#begin();
    });
    this.#channel.post({ type: 'ask' } satisfies ToTabs);
  }

  /** Where it cannot be loaded, the tabs' next word tries again; a browser may refuse that until the page is loaded anew. */
  async #begin(): Promise<void> {
    if (this.#loading || this.#keeper || this.#stopped) return;
    this.#loading = true;
    const loaded = await this.#load().catch(() => null);
    this.#loading = false;
    if (!loaded || this.#isStopped()) return;
    this.#channel.close();
    this.#keeper = new loaded.PresenceKeeper(this.#context, this.#clock, this.#directory);
    // Asks the tabs, which say again what has just been heard here.
    this.#keeper.start();
    if (this.#connected) this.#keeper.online(...this.#connected);
  }

  /** Asked again after an await. */
  #isStopped(): boolean {
    return this.#stopped;
  }

  online(socket: RelaySocket, local: LocalDevice): void {
    this.#connected = [socket, local];
    this.#keeper?.online(socket, local);
  }

  offline(): void {
    this.#connected = null;
    this.#keeper?.offline();
  }

  topic(event: TopicEvent): void {
    this.#keeper?.topic(event);
  }

  reconcile(): void {
    this.#keeper?.reconcile();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    if (this.#keeper) this.#keeper.stop();
    else this.#channel.close();
  }
}
