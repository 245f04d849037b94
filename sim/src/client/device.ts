import type { DeviceId, RegistrationId } from '@sotto/protocol';
import { aciOf } from '@sotto/relay';
import {
  HISTORY_SCHEMA,
  VAULT_SCHEMA,
  type HistoryRows,
  type Rows,
  type Schema,
  type VaultRows,
} from '@sotto/sdk/testing';

import type { Random } from '../core/random.js';
import type { Scheduler } from '../core/scheduler.js';
import type { Restored } from '../plan.js';
import { APP } from '../relay/tokens.js';
import { CALM_DISK, Database, type Change, type DiskWeather } from './disk.js';
import type { Link } from './link.js';
import { Tab } from './tab.js';
import { WebLock } from './web-lock.js';

/** A browser's profile: everything that survives its tabs. */
export interface Profile {
  readonly history: Map<keyof HistoryRows, object[]>;
  readonly vault: Map<keyof VaultRows, object[]>;
}

/** What the relay has given a device, as its vault has it. */
export interface Account {
  readonly number: DeviceId;
  readonly registration: RegistrationId;
  /** Others can write to it. */
  readonly isListed: boolean;
}

interface DeviceParts {
  readonly name: string;
  readonly user: string;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly link: Link;
  readonly tokenMs: number;
  readonly onCommit: (device: Device, database: 'history' | 'vault', changes: readonly Change[]) => void;
}

const HISTORY_TABLES = Object.keys(HISTORY_SCHEMA) as (keyof HistoryRows)[];
const VAULT_TABLES = Object.keys(VAULT_SCHEMA) as (keyof VaultRows)[];

/** One device of a user: two databases, a lock, a network, a clock, and tabs that come and go. */
export class Device {
  readonly name: string;
  readonly user: string;
  readonly link: Link;
  readonly lock: WebLock;
  readonly tokenMs: number;
  disk: DiskWeather = CALM_DISK;
  /** Milliseconds by which the device's clock is wrong. */
  clockOffset = 0;
  history = new Database(HISTORY_SCHEMA);
  vault = new Database(VAULT_SCHEMA);
  /** The person uses it: tabs come back after they have gone. */
  isUsed = false;
  /** It will never be seen again. */
  isLost = false;
  /** How often it was wiped. */
  wiped = 0;
  #account: Account | null = null;
  #tabs: Tab[] = [];
  #opened = 0;
  readonly #parts: DeviceParts;

  constructor(parts: DeviceParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.user = parts.user;
    this.link = parts.link;
    this.tokenMs = parts.tokenMs;
    this.lock = new WebLock(parts.scheduler, parts.random.fork('lock'));
  }

  get tabs(): readonly Tab[] {
    return this.#tabs;
  }

  get runningTabs(): readonly Tab[] {
    return this.#tabs.filter(({ process }) => process.isRunning);
  }

  /** Null: it has never registered, or was wiped. */
  get account(): Account | null {
    return this.#account;
  }

  /** How the relay names it: `user.device.registration`. */
  get address(): string | null {
    return this.#account && `${aciOf(APP, this.user)}.${this.#account.number}.${this.#account.registration}`;
  }

  now(): number {
    return this.#parts.scheduler.now;
  }

  readonly onCommit = (database: 'history' | 'vault', changes: readonly Change[]): void => {
    if (database === 'vault')
      for (const { table, row, key } of changes) {
        if (table !== 'meta') continue;
        if (row) this.#identityChanged(row as VaultRows['meta']);
        else if (key?.[0] === 'identity') this.#wiped();
      }
    this.#parts.onCommit(this, database, changes);
  };

  openTab(): Tab {
    const name = `${this.name}.t${this.#opened++}`;
    const tab = new Tab(this, name, this.#parts.scheduler, this.#parts.random.fork(name));
    this.#tabs.push(tab);
    return tab;
  }

  ended(tab: Tab): void {
    tab.process.kill();
    this.link.processDied(tab.process);
    this.#tabs = this.#tabs.filter((other) => other !== tab);
  }

  /** The tab is gone from one moment to the next. */
  crash(tab: Tab): void {
    this.ended(tab);
    this.lock.release(tab);
  }

  freeze(tab: Tab): void {
    tab.freeze();
    this.link.processFrozen(tab.process);
  }

  /** Every tab is gone at once: the browser was killed. */
  crashAll(): void {
    for (const tab of [...this.#tabs]) this.crash(tab);
  }

  async profile(): Promise<Profile> {
    const history = new Map<keyof HistoryRows, object[]>();
    for (const table of HISTORY_TABLES)
      history.set(table, await this.history.tables.read([table], (transaction) => transaction.range(table)));
    const vault = new Map<keyof VaultRows, object[]>();
    for (const table of VAULT_TABLES)
      vault.set(table, await this.vault.tables.read([table], (transaction) => transaction.range(table)));
    return { history, vault };
  }

  #identityChanged(row: VaultRows['meta']): void {
    if (row.name !== 'identity') return;
    const { stage } = row;
    this.#account =
      stage === 'new' ? null : { number: row.device, registration: row.registration, isListed: stage === 'listed' };
  }

  #wiped(): void {
    if (this.#account) this.wiped++;
    this.#account = null;
  }

  /** The person signs out and gives up what is here, as `destroy()` does; no tab may be open. */
  discard(): void {
    this.vault = new Database(VAULT_SCHEMA);
    this.history = new Database(HISTORY_SCHEMA);
    this.#wiped();
  }

  /** Puts databases back to an older state; no tab may be open. */
  async restore(profile: Profile, what: Restored): Promise<void> {
    if (what !== 'history') {
      this.#account = null;
      for (const row of (profile.vault.get('meta') ?? []) as VaultRows['meta'][]) this.#identityChanged(row);
      this.vault = await filled(VAULT_SCHEMA, profile.vault);
    }
    if (what !== 'vault') this.history = await filled(HISTORY_SCHEMA, profile.history);
  }
}

async function filled<R extends Rows>(
  schema: Schema<R>,
  content: Map<keyof R & string, object[]>,
): Promise<Database<R>> {
  const database = new Database(schema);
  for (const [table, rows] of content)
    await database.tables.write([table], async (transaction) => {
      for (const row of rows) await transaction.put(table, row as never);
    });
  return database;
}
