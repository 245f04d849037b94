import type { AppId } from '@sotto/protocol';

import type { Random } from '../platform.js';
import type { AppStore, StoredApp } from '../store/app-store.js';
import { settingsOf, type App, type AppState } from './app.js';
import {
  createApp,
  MAX_PAGE,
  rotateKey,
  updateApp,
  type AppAdmin,
  type AppPage,
  type AppView,
  type AppWithSecret,
  type CreateApp,
  type RotateKey,
  type UpdateApp,
} from './app-admin.js';
import { AppError } from './app-error.js';
import { MAX_APP_KEYS } from './app-key.js';
import { readRecord, sealKey, sealPlain, writeRecord, type AppRecord } from './app-record.js';
import { toView } from './app-view.js';
import { makeKey } from './make-key.js';
import { parseWish } from './parse-wish.js';
import type { Sealer } from './seal.js';

export interface AppServiceDeps {
  store: AppStore;
  sealer: Sealer;
  /** Apps of the configuration: shown, never changed. */
  statics: readonly App[];
  now: () => number;
  random: Random;
  /** After every change, with what it was. */
  changed: (change: AppChange, app: AppId) => Promise<void>;
}

export type AppChange =
  'app-created' | 'app-updated' | 'app-key-rotated' | 'app-suspended' | 'app-resumed' | 'app-deleted';

/** Apps in the database. The inputs come from people: they are parsed here. */
export class AppService implements AppAdmin {
  readonly #deps: AppServiceDeps;

  constructor(deps: AppServiceDeps) {
    this.#deps = deps;
  }

  async create(input: CreateApp): Promise<AppWithSecret> {
    const { id, algorithm, kid, secret, publicKey, jwksUrl, ...settings } = parseWish(createApp, input);
    const { now, random, sealer, store } = this.#deps;
    this.#refuseStatic(id);
    const made = await makeKey({ algorithm, kid, secret, publicKey, jwksUrl }, { now: now(), random });
    const since = now();
    const keys = [sealKey(id, made.key, sealer)];
    const app: AppRecord = { id, state: 'active', since, createdAt: since, source: 'database', keys, ...settings };
    await store.update(id, (current) => {
      if (current?.state === 'deleting') throw deleting(id);
      if (current) throw new AppError('app-exists', `There is an app "${id}" already.`);
      return { write: writeRecord(app), result: undefined };
    });
    await this.#deps.changed('app-created', id);
    return { app: toView(app), ...(made.generated !== undefined && { secret: made.generated }) };
  }

  async list(after = ''): Promise<AppPage> {
    const { store, statics } = this.#deps;
    const stored = (await store.list()).filter(({ id }) => !statics.some((app) => app.id === id));
    const all = [...statics.map(toView), ...stored.map((row) => toView(readRecord(row)))];
    const rest = all.filter(({ id }) => id > after).sort((a, b) => (a.id < b.id ? -1 : 1));
    const apps = rest.slice(0, MAX_PAGE);
    return { apps, next: rest.length > apps.length ? (apps.at(-1)?.id ?? null) : null };
  }

  async show(id: AppId): Promise<AppView> {
    const { store, statics } = this.#deps;
    const fixed = statics.find((app) => app.id === id);
    if (fixed) return toView(fixed);
    const row = (await store.list()).find((app) => app.id === id);
    if (!row) throw missing(id);
    return toView(readRecord(row));
  }

  async update(id: AppId, input: UpdateApp): Promise<AppView> {
    const changes = Object.entries(parseWish(updateApp, input)).filter(([, value]) => value !== undefined);
    const app = await this.#change(id, (record) => {
      const settings = { ...settingsOf(record), ...Object.fromEntries(changes) };
      return { ...record, ...Object.fromEntries(Object.entries(settings).map(([key, to]) => [key, to ?? undefined])) };
    });
    await this.#deps.changed('app-updated', id);
    return toView(app);
  }

  async rotateKey(id: AppId, input: RotateKey): Promise<AppWithSecret> {
    const { graceSeconds, ...fields } = parseWish(rotateKey, input);
    const { now: clock, random, sealer } = this.#deps;
    const now = clock();
    const made = await makeKey(fields, { now, random });
    const app = await this.#change(id, (record) => {
      const end = now + graceSeconds * 1000;
      const old = record.keys
        .map((key) => ({ ...key, expiresAt: Math.min(key.expiresAt ?? end, end) }))
        .filter(({ expiresAt }) => expiresAt > now);
      if (old.some(({ kid }) => kid === made.key.kid)) {
        throw new AppError('key-exists', `The app has a key "${made.key.kid}" already.`);
      }
      if (old.length >= MAX_APP_KEYS)
        throw new AppError('key-limit', `The app has ${old.length} keys that still count.`);
      return { ...record, keys: [sealKey(id, made.key, sealer), ...old] };
    });
    await this.#deps.changed('app-key-rotated', id);
    return { app: toView(app), ...(made.generated !== undefined && { secret: made.generated }) };
  }

  async suspend(id: AppId): Promise<AppView> {
    return this.#enter(id, 'suspended', 'app-suspended');
  }

  async resume(id: AppId): Promise<AppView> {
    return this.#enter(id, 'active', 'app-resumed');
  }

  async remove(id: AppId): Promise<AppView> {
    return this.#enter(id, 'deleting', 'app-deleted');
  }

  async #enter(id: AppId, state: AppState, change: AppChange): Promise<AppView> {
    const { now } = this.#deps;
    const enter = (record: AppRecord) => (record.state === state ? record : { ...record, state, since: now() });
    const app = await this.#change(id, enter, state);
    await this.#deps.changed(change, id);
    return toView(app);
  }

  /** What is being deleted can be deleted once more, and nothing else. */
  async #change(id: AppId, change: (record: AppRecord) => AppRecord, to?: AppState): Promise<AppRecord> {
    this.#refuseStatic(id);
    const { store, sealer } = this.#deps;
    return store.update(id, (current: StoredApp | null) => {
      if (!current) throw missing(id);
      if (current.state === 'deleting' && to !== 'deleting') throw deleting(id);
      const app = change(readRecord(current));
      const sealed = { ...app, keys: app.keys.map((key) => sealPlain(id, key, sealer)) };
      return { write: writeRecord(sealed, current), result: sealed };
    });
  }

  #refuseStatic(id: AppId): void {
    if (!this.#deps.statics.some((app) => app.id === id)) return;
    throw new AppError('app-static', `The app "${id}" is part of the relay's configuration.`);
  }
}

function missing(id: string): AppError {
  return new AppError('app-missing', `There is no app "${id}".`);
}

function deleting(id: string): AppError {
  return new AppError('app-deleting', `The app "${id}" is being deleted.`);
}
