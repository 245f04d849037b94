import {
  PROTOCOL_VERSION,
  type Cursor,
  type Deliver,
  type ExpiringDevice,
  type PreKeyCounts,
  type Welcome,
} from '@sotto/protocol';

import type { ConnectionStatus } from '../history/connection-status.js';
import { RelayError } from '../network/relay-error.js';
import type { RelaySocket, TopicEvent } from '../network/relay-port.js';
import { StorageError } from '../storage/storage-error.js';
import { backoff } from '../util/backoff.js';
import { randomFraction } from '../util/random.js';
import type { EngineContext } from './context.js';
import { isSuperseded, restingStatus, transientCode } from './failures.js';
import type { LocalDevice } from './local-device.js';
import { readSealings } from './sealings.js';
import type { Tokens } from './tokens.js';

/** What the connection asks of the rest of the engine. Every promise that rejects ends the socket. */
export interface ConnectionEvents {
  /** Makes sure that this device is registered. */
  register(reset: boolean): Promise<LocalDevice>;
  cursor(): Cursor;
  /** After this, submits may flow. */
  welcome(welcome: Welcome, socket: RelaySocket, local: LocalDevice): Promise<void>;
  /** Stores a batch; the result is acknowledged. */
  deliver(deliver: Deliver, local: LocalDevice): Promise<Cursor | null>;
  preKeysLow(counts: PreKeyCounts, local: LocalDevice): void;
  topic(event: TopicEvent): void;
  deviceListChanged(local: LocalDevice): void;
  deviceExpiring(expiring: ExpiringDevice, local: LocalDevice): void;
  /** This device is none any more: what it has is wiped before anybody is told. */
  removed(): Promise<void>;
  offline(): void;
  /** Another engine leads. */
  superseded(): void;
  status(status: ConnectionStatus): void;
}

/** A relay that takes a socket and then says nothing for this long is as good as none. */
const WELCOME_WITHIN_MS = 30_000;

/**
 * The connection's life:
 *
 *   stopped --start--> connecting --welcome--> online --lost--> waiting --timer, retryNow--> connecting
 *                          |                     |
 *                          +--refused for good---+--> resting (signed-out, needs-device) --retryNow, reset--> connecting
 *
 * Any state --stop--> stopped. A superseded engine stops by itself.
 */
type State =
  | { readonly name: 'stopped' }
  | { readonly name: 'connecting'; readonly id: symbol; readonly socket: RelaySocket | null }
  | { readonly name: 'online'; readonly id: symbol; readonly socket: RelaySocket }
  | { readonly name: 'waiting'; readonly cancel: () => void }
  | { readonly name: 'resting' };

export class Connection {
  #state: State = { name: 'stopped' };
  #failures = 0;
  /** While connecting, of waiting for the welcome; online, of the token's life. */
  #cancelTimer: () => void = () => undefined;
  /** What a refusal asks for; a wipe that is under way is not to be met by a new beginning. */
  #resting: Promise<void> = Promise.resolve();
  /** Work on received batches, in their order. */
  #receiving: Promise<void> = Promise.resolve();
  readonly #context: EngineContext;
  readonly #tokens: Tokens;
  readonly #events: ConnectionEvents;

  constructor(context: EngineContext, tokens: Tokens, events: ConnectionEvents) {
    this.#context = context;
    this.#tokens = tokens;
    this.#events = events;
  }

  start(): void {
    if (this.#state.name === 'stopped') this.#connect(false);
  }

  /** The browser says that there is a network again, or the person asked. */
  retryNow(): void {
    if (this.#state.name === 'waiting' || this.#state.name === 'resting') this.startOver();
  }

  /** This device is to be another than the relay was told, or is being told now: what it says to that no longer matters. */
  startOver(): void {
    if (this.#state.name === 'stopped') return;
    if (this.#state.name === 'waiting') this.#state.cancel();
    this.#failures = 0;
    this.#connect(false);
  }

  /** Gives up the user's other devices. Only where the relay has said `needs-device`. */
  reset(): void {
    if (this.#state.name === 'resting') this.#connect(true);
  }

  /** Something beside the socket failed, such as storage: start over after a while. */
  fail(error: unknown): void {
    if (this.#state.name !== 'online') return;
    this.#lost(this.#state.id, error);
  }

  async stop(): Promise<void> {
    if (this.#state.name === 'waiting') this.#state.cancel();
    this.#leave({ name: 'stopped' });
    await this.#receiving;
  }

  #leave(next: State): void {
    this.#cancelTimer();
    const before = this.#state;
    this.#state = next;
    // The relay keeps a socket that nobody closes as this device's live one.
    if (before.name === 'connecting' || before.name === 'online') before.socket?.close();
    if (before.name === 'online') this.#events.offline();
  }

  #connect(reset: boolean): void {
    const id = Symbol('connection');
    this.#leave({ name: 'connecting', id, socket: null });
    this.#events.status({ state: 'connecting' });
    this.#attempt(id, reset).catch((error: unknown) => this.#lost(id, error));
  }

  async #attempt(id: symbol, reset: boolean): Promise<void> {
    await this.#resting;
    const token = reset ? await this.#tokens.refresh() : await this.#tokens.get();
    const local = await this.#events.register(reset);
    const sealings = await readSealings(this.#context.vault);
    if (!this.#isCurrent(id)) return;
    const socket: RelaySocket = this.#context.relay.connect(
      {
        protocol: PROTOCOL_VERSION,
        token,
        device: local.device,
        registration: local.registration,
        secret: local.secret,
        epoch: this.#context.epoch,
        cursor: this.#events.cursor(),
        sealings,
      },
      {
        onWelcome: (welcome) => this.#receive(id, () => this.#welcomed(id, welcome, socket, local)),
        onDeliver: (deliver) => this.#receive(id, () => this.#delivered(id, deliver, socket, local)),
        onDrained: () => this.#receive(id, () => this.#drained()),
        onPreKeysLow: (counts) => this.#events.preKeysLow(counts, local),
        onDeviceListChanged: () => this.#events.deviceListChanged(local),
        onTopic: (event) => {
          if (this.#isCurrent(id)) this.#events.topic(event);
        },
        onDeviceExpiring: (expiring) => this.#events.deviceExpiring(expiring, local),
        onClose: (reason) => this.#lost(id, new RelayError(reason)),
      },
    );
    this.#state = { name: 'connecting', id, socket };
    this.#cancelTimer = this.#context.clock.after(WELCOME_WITHIN_MS, () => this.#lost(id, new RelayError(null)));
  }

  /** Queues work on what came in; what fails closes the socket, and the relay delivers again. */
  #receive(id: symbol, work: () => Promise<void>): void {
    this.#receiving = this.#receiving.then(async () => {
      if (!this.#isCurrent(id)) return;
      try {
        await work();
      } catch (error) {
        this.#lost(id, error);
      }
    });
  }

  async #welcomed(id: symbol, welcome: Welcome, socket: RelaySocket, local: LocalDevice): Promise<void> {
    this.#cancelTimer();
    this.#state = { name: 'online', id, socket };
    await this.#events.welcome(welcome, socket, local);
    if (!this.#isCurrent(id)) return;
    this.#events.status({ state: 'online', left: Math.max(0, welcome.head - welcome.first + 1) });
    this.#scheduleToken(id, socket);
  }

  async #delivered(id: symbol, deliver: Deliver, socket: RelaySocket, local: LocalDevice): Promise<void> {
    const done = await this.#events.deliver(deliver, local);
    if (!this.#isCurrent(id)) return;
    // Only now: a welcome alone does not mean that anything can be stored.
    this.#failures = 0;
    if (deliver.left > 0) this.#events.status({ state: 'online', left: deliver.left });
    if (!done?.id) return;
    // Not awaited: the next batch need not wait for the relay's answer. A lost answer means a lost socket.
    socket.ack({ seq: done.seq, id: done.id }).then(
      (reply) => {
        if (!reply.ok) this.#lost(id, new RelayError(reply.error));
      },
      () => undefined,
    );
  }

  async #drained(): Promise<void> {
    this.#failures = 0;
    this.#events.status({ state: 'online', left: 0 });
  }

  /** The token is replaced before its end; what fails is tried again, less and less often, while the relay keeps the socket. */
  #scheduleToken(id: symbol, socket: RelaySocket, failures = 0): void {
    const inMs = failures ? backoff(failures, randomFraction(this.#context.random)) : this.#tokens.refreshInMs;
    if (inMs === null) return;
    this.#cancelTimer = this.#context.clock.after(inMs, () => {
      void this.#renewToken(id, socket)
        .then(
          () => 0,
          (error: unknown) => this.#tokenFailed(id, error, failures),
        )
        .then((failed) => {
          if (this.#isCurrent(id)) this.#scheduleToken(id, socket, failed);
        });
    });
  }

  async #renewToken(id: symbol, socket: RelaySocket): Promise<void> {
    const token = await this.#tokens.refresh();
    if (!this.#isCurrent(id)) return;
    const reply = await socket.token(token);
    if (!reply.ok) throw new RelayError(reply.error);
  }

  /** @returns how often it has failed now */
  #tokenFailed(id: symbol, error: unknown, failures: number): number {
    if (restingStatus(error)) this.#lost(id, error);
    // A refused one is of no use for anything else either.
    else if (error instanceof RelayError && error.code.startsWith('token-')) this.#tokens.reject();
    return failures + 1;
  }

  #isCurrent(id: symbol): boolean {
    return (this.#state.name === 'connecting' || this.#state.name === 'online') && this.#state.id === id;
  }

  /** Sorts failures: superseded ends, refusals rest, everything else waits and tries again. */
  #lost(id: symbol, error: unknown): void {
    if (!this.#isCurrent(id)) return;
    if (isSuperseded(error)) {
      this.#leave({ name: 'stopped' });
      this.#events.superseded();
      return;
    }
    const resting = restingStatus(error);
    if (resting) {
      this.#leave({ name: 'resting' });
      this.#resting = this.#rest(resting);
      return;
    }
    this.#wait(error);
  }

  async #rest(status: ConnectionStatus): Promise<void> {
    try {
      if (status.state === 'signed-out' && status.code === 'device-gone') await this.#events.removed();
      this.#events.status(status);
    } catch (error) {
      if (isSuperseded(error)) this.#events.superseded();
      // Asked again, the relay says the same, and what was not wiped is.
      else if (this.#state.name === 'resting') this.#wait(error);
    }
  }

  #wait(error: unknown): void {
    const code = transientCode(error);
    if (code.startsWith('token-')) this.#tokens.reject();
    const asked = error instanceof RelayError ? error.retryAfterMs : null;
    // A relay that asks for no wait, or hardly any, must not keep us spinning.
    const ms = Math.max(asked ?? 0, backoff(this.#failures++, randomFraction(this.#context.random)));
    const cancel = this.#context.clock.after(ms, () => {
      if (this.#state.name === 'waiting') this.#connect(false);
    });
    this.#leave({ name: 'waiting', cancel });
    if (error instanceof StorageError) {
      this.#events.status({
        state: 'storage-failed',
        code: error.code === 'storage-full' ? 'storage-full' : 'storage-failed',
      });
    } else {
      this.#events.status({ state: 'offline', retryAt: Math.round(this.#context.clock.now() + ms), code });
    }
  }
}
