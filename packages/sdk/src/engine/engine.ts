import type { Aci, Deliver, PreKeyCounts, Welcome } from '@sotto/protocol';

import type { NoticeCode } from '../history/notice.js';
import type { ConnectionStatus } from '../history/connection-status.js';
import { RelayApi } from '../network/relay-api.js';
import type { RelaySocket } from '../network/relay-port.js';
import { Mutex } from '../util/mutex.js';
import { runCommands, type CommandPorts } from './commands.js';
import { Connection } from './connection.js';
import { beginEpoch, commitVault, VaultConflict, type EngineContext } from './context.js';
import { DeviceSync } from './device-sync.js';
import { Directory } from './directory.js';
import { IDENTITY_TABLES, noteIdentity } from './identities.js';
import { Inbox, type StaleList } from './inbox.js';
import { takeKept, type LaterModules } from './later.js';
import type { LocalDevice } from './local-device.js';
import { Outbox } from './outbox.js';
import { OwnDevices } from './own-devices.js';
import { PresenceOnDemand } from './presence-on-demand.js';
import { PreKeys } from './prekeys.js';
import { ensureRegistered, loadIdentity } from './registration.js';
import { RelayClock } from './relay-clock.js';
import { Sealer } from './seal.js';
import { Repairs } from './repair.js';
import { retireSessions } from './retired-sessions.js';
import { SessionStore } from './session-store.js';
import { Status } from './status.js';
import { UnderWay } from '../util/under-way.js';
import { Tokens, type TokenSource } from './tokens.js';
import { wipeDevice } from './wipe.js';

export type EngineOptions = Omit<EngineContext, 'epoch' | 'underWay'> & {
  readonly token: TokenSource;
  readonly later: LaterModules;
  /** Called once, when another engine has taken over and this one has stopped. */
  readonly onSuperseded: () => void;
  /** Called with a status that could not be stored, where the tabs would see it. */
  readonly onUnstored?: (status: ConnectionStatus) => void;
};

export interface Engine {
  /** There may be a network again. */
  retryNow(): void;
  /** Stops cleanly: what is under way is finished or will be repeated by the next engine. */
  stop(): Promise<void>;
}

/** What is due by time is looked at so often; the first time when what a start brings is done with. */
const UPKEEP_EVERY_MS = 60 * 60 * 1000;
const UPKEEP_AFTER_MS = 60_000;

/** Takes the lead: from its first transaction on, every older engine's commits fail. */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { token, later, onSuperseded, onUnstored, ...ports } = options;
  const context = { ...ports, underWay: new UnderWay(), epoch: await beginEpoch(options.vault) };
  const running = new RunningEngine(context, token, later, onSuperseded, onUnstored);
  await running.start();
  // What cannot be done now is left to the next engine.
  context.underWay.track(takeKept(context, later)).catch(() => undefined);
  return running;
}

/** Owns keys, ratchets and the connection; meets the tabs only in the history database. */
class RunningEngine implements Engine {
  #stopped = false;
  /** With which tabs seal what only this engine may read. */
  #boxKey: Uint8Array | null = null;
  #local: LocalDevice | null = null;
  #stopWatching: (() => void)[] = [];
  #cancelUpkeep: () => void = () => undefined;
  #isOnline = false;
  readonly #context: EngineContext;
  readonly #onSuperseded: () => void;
  readonly #clock: RelayClock;
  readonly #status: Status;
  readonly #sessions: SessionStore;
  readonly #ratchets = new Mutex();
  readonly #preKeys: PreKeys;
  readonly #directory: Directory;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #presence: PresenceOnDemand;
  readonly #sync: DeviceSync;
  readonly #forgetting: LaterModules['forgetting'];
  readonly #commandPorts: CommandPorts;
  readonly #connection: Connection;

  constructor(
    context: EngineContext,
    token: TokenSource,
    later: LaterModules,
    onSuperseded: () => void,
    onUnstored: EngineOptions['onUnstored'],
  ) {
    this.#context = context;
    this.#onSuperseded = onSuperseded;
    this.#forgetting = later.forgetting;
    const tokens = new Tokens(token, context.app, context.userName, context.clock);
    const api = new RelayApi(context.relay, () => tokens.get());
    this.#clock = new RelayClock(context);
    this.#status = new Status(context, onUnstored);
    this.#sessions = new SessionStore(context);
    this.#preKeys = new PreKeys(context, api);
    this.#directory = new Directory(context, api, () => this.#device(), {
      identity: (user, identityKey, before) => this.#noteIdentity(user, identityKey, before),
      hiddenList: () => this.#notice('hidden-device-list'),
    });
    const repairs = new Repairs(context);
    this.#inbox = new Inbox(context, this.#clock, this.#sessions, this.#directory, repairs, this.#ratchets);
    const sealer = new Sealer(context, this.#clock, this.#sessions, this.#directory, repairs, this.#ratchets);
    this.#outbox = new Outbox(context, sealer, this.#directory, (error) => this.#failed(error));
    this.#presence = new PresenceOnDemand(context, this.#clock, this.#directory, later.presence);
    const devices = new OwnDevices(context, api, this.#directory, later.introducing);
    this.#sync = new DeviceSync(
      context,
      devices,
      () => this.#isOnline && !this.#stopped,
      (error) => this.#background(error),
    );
    this.#commandPorts = {
      api,
      devices,
      local: () => this.#local,
      // Noted even if nothing is new: a link bundle pins people whom nobody has written down yet.
      lookUp: (user) => this.#directory.refresh(user).then(() => this.#directory.note(user)),
      reset: () => this.#connection.reset(),
      startOver: () => this.#connection.startOver(),
      linking: later.linking,
    };
    this.#connection = new Connection(context, tokens, {
      register: (reset) => this.#register(api, reset),
      cursor: () => this.#inbox.cursor,
      welcome: (welcome, socket, local) => this.#welcome(welcome, socket, local),
      deliver: (deliver, local) => this.#deliver(deliver, local),
      preKeysLow: (counts, local) => this.#keepPreKeys(counts, local),
      deviceListChanged: (local) => this.#sync.begin(local, null),
      deviceExpiring: (expiring, local) => this.#sync.begin(local, [expiring]),
      removed: () => this.#removed(),
      topic: (event) => this.#presence.topic(event),
      offline: () => this.#offline(),
      superseded: () => this.#superseded(),
      status: (status) =>
        this.#status.publish(status.state === 'needs-device' ? { ...status, publicKey: this.#boxKey } : status),
    });
  }

  async start(): Promise<void> {
    await this.#clock.load();
    await this.#inbox.load();
    const { history } = this.#context;
    const fail = (error: unknown): void => this.#failed(error);
    this.#stopWatching = [
      history.watch('outbox', (rows) => this.#outbox.changed(rows)),
      // What was held back may go once the person has accepted the identity.
      history.watch('identities', () => {
        this.#outbox.identitiesChanged();
        this.#presence.reconcile();
      }),
      history.watch('settings', () => this.#presence.reconcile()),
      history.observe(
        ['commands'],
        (transaction) => transaction.count('commands'),
        (count) => this.#command(count),
        fail,
      ).end,
    ];
    this.#connection.start();
    this.#presence.start();
    this.#cancelUpkeep = this.#context.clock.after(UPKEEP_AFTER_MS, () => this.#keepUp());
    // What an earlier engine has left there must not be taken for this one's word.
    await this.#status.settled();
  }

  retryNow(): void {
    this.#connection.retryNow();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    for (const stop of this.#stopWatching) stop();
    this.#cancelUpkeep();
    this.#presence.stop();
    await this.#connection.stop();
    this.#outbox.offline();
    await this.#outbox.settled();
    await this.#status.end({ state: 'connecting' });
  }

  async #register(api: RelayApi, reset: boolean): Promise<LocalDevice> {
    this.#boxKey = (await loadIdentity(this.#context, reset)).identityKeyPair.publicKey;
    const local = await ensureRegistered(this.#context, api, this.#preKeys, reset);
    this.#local = local;
    await this.#noteIdentity(local.user, local.party.identityKeyPair.publicKey, undefined);
    return local;
  }

  async #welcome(welcome: Welcome, socket: RelaySocket, local: LocalDevice): Promise<void> {
    await this.#clock.correct(welcome.time);
    if (welcome.verdict === 'vault-behind') {
      await this.#retireSessions();
      this.#notice('restored-device');
    }
    if (welcome.verdict !== 'ok') {
      // Cursor and count last: should this fail in between, the next welcome says the same again.
      await this.#preKeys.publish(local, true);
      await this.#inbox.restartFrom(welcome);
    }
    await this.#inbox.noteExpired(welcome.first);
    this.#outbox.holdReceipts(welcome.head >= welcome.first);
    this.#isOnline = true;
    this.#outbox.online(socket, local);
    this.#presence.online(socket, local);
    this.#keepPreKeys(welcome.preKeys, local);
    this.#sync.begin(local, welcome.expiring);
  }

  #offline(): void {
    this.#isOnline = false;
    this.#sync.end();
    this.#outbox.offline();
    this.#presence.offline();
  }

  /** Also where nothing ever interrupts the connection: old keys are replaced, and what is of no use any more is forgotten. */
  #keepUp(): void {
    this.#forgetting()
      .then(({ forgetOld }) => forgetOld(this.#context, this.#clock.now()))
      .catch((error: unknown) => this.#background(error));
    if (this.#isOnline && this.#local) this.#keepPreKeys(null, this.#local);
    this.#cancelUpkeep = this.#context.clock.after(UPKEEP_EVERY_MS, () => this.#keepUp());
  }

  async #deliver(deliver: Deliver, local: LocalDevice) {
    this.#outbox.holdReceipts(deliver.left > 0);
    const { ack, staleLists, sound } = await this.#inbox.receive(deliver, local);
    if (sound) this.#outbox.releaseHeld();
    if (deliver.left === 0) this.#outbox.holdReceipts(false);
    this.#refresh(staleLists);
    return ack;
  }

  async #retireSessions(): Promise<void> {
    await this.#ratchets.run(async () => {
      await commitVault(this.#context, ['sessions', 'archivedSessions'], retireSessions);
      this.#sessions.forget();
    });
  }

  /** Beside the stream of messages: a list that cannot be fetched now is asked for again by the next message. */
  #refresh(lists: readonly StaleList[]): void {
    for (const { user, version } of lists)
      this.#directory.refresh(user, version).catch((error: unknown) => this.#background(error));
  }

  #notice(code: NoticeCode): void {
    const at = this.#clock.now();
    this.#context.history
      .write(['notices'], (transaction) => transaction.put('notices', { code, at }))
      .catch((error: unknown) => this.#failed(error));
  }

  /** The user has taken this device off the list, or started afresh elsewhere. */
  async #removed(): Promise<void> {
    this.#outbox.offline();
    await this.#outbox.settled();
    this.#local = null;
    const wipe = (): Promise<void> => this.#ratchets.run(() => wipeDevice(this.#context));
    await wipe();
    // What was asked of the relay before may have been answered, and written, meanwhile.
    if (await this.#context.underWay.ended()) await wipe();
    this.#sessions.forget();
    this.#directory.forget();
    await this.#inbox.load();
  }

  #keepPreKeys(counts: PreKeyCounts | null, local: LocalDevice): void {
    this.#context.underWay
      .track(this.#preKeys.keepUp(local, counts))
      .catch((error: unknown) => this.#background(error));
  }

  async #noteIdentity(user: Aci, identityKey: Uint8Array, before: Uint8Array | undefined): Promise<void> {
    await this.#context.history.write(IDENTITY_TABLES, (transaction) =>
      noteIdentity(transaction, this.#context, user, identityKey, before, this.#clock.now()),
    );
    this.#sessions.forget();
  }

  #command(count: number): void {
    if (count === 0 || this.#stopped) return;
    runCommands(this.#context, this.#commandPorts).catch((error: unknown) => this.#failed(error));
  }

  /** Failures of work that is tried again by itself; only a lost leadership matters. */
  #background(error: unknown): void {
    if (error instanceof VaultConflict && error.reason === 'superseded') this.#superseded();
  }

  #failed(error: unknown): void {
    this.#background(error);
    if (!this.#stopped) this.#connection.fail(error);
  }

  #superseded(): void {
    if (this.#stopped) return;
    void this.stop().finally(this.#onSuperseded);
  }

  #device(): LocalDevice {
    if (!this.#local) throw new Error('used before registration');
    return this.#local;
  }
}
