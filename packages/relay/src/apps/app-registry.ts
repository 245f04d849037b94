import type { AppId } from '@sotto/protocol';

import type { Budget, LimitName } from '../limits/limits.js';
import type { AppStore, StoredApp } from '../store/app-store.js';
import { originAllowed, type App } from './app.js';
import { openKey, readRecord } from './app-record.js';
import type { AppKey } from './app-key.js';
import type { Sealer } from './seal.js';
import type { AppPolicy, Tenants } from './tenants.js';
import { isUsable, KeySets, verificationKeys, type VerificationKey } from './verification.js';

const DAY_MS = 24 * 3_600_000;

interface Entry {
  app: App;
  keys: VerificationKey[];
  policy: AppPolicy;
  /** What it was made from: an entry whose row is the same stays. */
  row: StoredApp | null;
}

export interface AppRegistryOptions {
  /** From the configuration. */
  statics: readonly App[];
  /** What an app gets that says nothing else. */
  defaults: AppPolicy;
  /** The apps of the database; absent: only the static ones. */
  stored?: { store: AppStore; sealer: Sealer };
  onError?: (error: unknown) => void;
}

/**
 * All apps of a relay, in memory: those of the configuration and those of the database. An id that both have belongs to
 * the configuration.
 */
export class AppRegistry implements Tenants {
  readonly #options: AppRegistryOptions;
  readonly #onError: (error: unknown) => void;
  readonly #sets: KeySets;
  readonly #listeners = new Set<() => void>();
  #entries = new Map<AppId, Entry>();
  #origins = new Set<string>();
  #shadowed: AppId[] = [];
  #revision: string | null = null;
  #refreshing: Promise<void> | null = null;

  constructor(options: AppRegistryOptions) {
    this.#options = options;
    this.#onError = options.onError ?? (() => undefined);
    this.#sets = new KeySets(this.#onError);
    this.#replace([]);
  }

  find(app: AppId): App | undefined {
    return this.#entries.get(app)?.app;
  }

  all(): App[] {
    return [...this.#entries.values()].map(({ app }) => app);
  }

  keys(app: AppId): readonly VerificationKey[] {
    return this.#entries.get(app)?.keys ?? [];
  }

  acceptsKey(app: AppId, fingerprint: string, now: number): boolean {
    return this.keys(app).some((key) => key.has(fingerprint) && isUsable(key, now));
  }

  refusal(app: AppId): 'app-unknown' | 'app-suspended' | null {
    const state = this.find(app)?.state ?? 'deleting';
    if (state === 'active') return null;
    return state === 'suspended' ? 'app-suspended' : 'app-unknown';
  }

  policy(app: AppId): AppPolicy {
    return this.#entries.get(app)?.policy ?? this.#options.defaults;
  }

  retentions(): ReadonlyMap<AppId, number> {
    return new Map(
      this.all()
        .filter(({ retentionDays }) => retentionDays !== undefined)
        .map(({ id }) => [id, this.policy(id).retentionMs]),
    );
  }

  inactivities(): ReadonlyMap<AppId, number> {
    return new Map(
      this.all()
        .filter(({ inactiveDeviceDays }) => inactiveDeviceDays !== undefined)
        .map(({ id }) => [id, this.policy(id).inactiveMs]),
    );
  }

  /** The app's own budget for a limit, if it has one. */
  budget(app: AppId, limit: LimitName): Budget | undefined {
    return this.find(app)?.limits[limit];
  }

  /** Some app allows this origin: enough for a preflight, which carries no token. */
  knowsOrigin(origin: string): boolean {
    return this.#origins.has('*') || this.#origins.has(origin);
  }

  allowsOrigin(app: AppId, origin: string | undefined): boolean {
    const found = this.find(app);
    return found !== undefined && originAllowed(found, origin);
  }

  /** Ids that the database has as well; there they count for nothing. */
  get shadowed(): readonly AppId[] {
    return this.#shadowed;
  }

  /** Called after every change of the set. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Asks the database whether anything has changed. One at a time; rejects when it cannot be asked. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  /** Fetches key sets anew that are too old: a key may have been taken out of one while nobody logged in. */
  renewKeys(): Promise<void> {
    return this.#sets.renew();
  }

  async #refresh(): Promise<void> {
    const { stored } = this.#options;
    if (!stored) return;
    // The revision is read first: a change in between is then read again, never missed.
    const revision = await stored.store.revision();
    if (revision === this.#revision) return;
    this.#replace(await stored.store.list());
    this.#revision = revision;
    for (const listener of this.#listeners) listener();
  }

  #replace(rows: readonly StoredApp[]): void {
    const entries = new Map<AppId, Entry>();
    for (const app of this.#options.statics) entries.set(app.id, this.#entry(app, null));
    this.#shadowed = rows.map(({ id }) => id).filter((id) => entries.has(id));
    for (const row of rows) {
      if (entries.has(row.id)) continue;
      const entry = this.#entryOf(row);
      if (entry) entries.set(row.id, entry);
    }
    this.#entries = entries;
    const apps = this.all();
    this.#origins = new Set(apps.filter(({ state }) => state !== 'deleting').flatMap(({ origins }) => origins));
    const materials = apps.flatMap(({ keys }) => keys.map(({ material }) => material));
    this.#sets.keep(new Set(materials.flatMap((material) => ('jwksUrl' in material ? [material.jwksUrl] : []))));
  }

  #entryOf(row: StoredApp): Entry | null {
    const known = this.#entries.get(row.id);
    if (known?.row && known.row.record === row.record && known.row.state === row.state) return known;
    try {
      const record = readRecord(row);
      return this.#entry({ ...record, keys: record.keys.flatMap((key) => this.#open(row.id, key)) }, row);
    } catch (error) {
      this.#onError(error);
      return null;
    }
  }

  /** A secret that cannot be opened is one key less; the log says so, and the app's tokens are refused. */
  #open(app: AppId, key: Parameters<typeof openKey>[1]): AppKey[] {
    try {
      return this.#options.stored ? [openKey(app, key, this.#options.stored.sealer)] : [];
    } catch (error) {
      this.#onError(error);
      return [];
    }
  }

  #entry(app: App, row: StoredApp | null): Entry {
    const { retentionMs, quota, inactiveMs } = this.#options.defaults;
    const policy = {
      retentionMs: app.retentionDays === undefined ? retentionMs : Math.round(app.retentionDays * DAY_MS),
      inactiveMs: app.inactiveDeviceDays === undefined ? inactiveMs : app.inactiveDeviceDays * DAY_MS,
      quota: { envelopes: app.quota?.envelopes ?? quota.envelopes, bytes: app.quota?.bytes ?? quota.bytes },
    };
    return { app, row, policy, keys: verificationKeys(app, this.#sets) };
  }
}
