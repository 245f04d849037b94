import { decodeDeviceList, type Aci, type AppId, type DeviceId, type RegistrationId } from '@sotto/protocol';

import type { DirectoryStore } from '../store/store.js';

export interface CurrentList {
  /** 0: the user has no device. */
  version: number;
  devices: { device: DeviceId; registration: RegistrationId }[];
}

/** Enough for the busiest node's recipients; about 300 bytes each. */
const MAX_CACHED = 50_000;

const NO_LIST: CurrentList = { version: 0, devices: [] };

/**
 * What the device lists say. One version of a list never changes, so a cached one is right as long as its version is the
 * current one; that the write path checks in its own statement.
 */
export class DeviceLists {
  readonly #store: DirectoryStore;
  readonly #cache = new Map<string, CurrentList>();

  constructor(store: DirectoryStore) {
    this.#store = store;
  }

  /** The lists of several users; a cached one is used when it has the version that the caller believes in. */
  async resolve(app: AppId, wanted: readonly { user: Aci; version: number }[]): Promise<Map<Aci, CurrentList>> {
    const found = new Map<Aci, CurrentList>();
    const unknown: Aci[] = [];
    for (const { user, version } of wanted) {
      const cached = this.#cache.get(`${app}/${user}`);
      if (cached?.version === version) found.set(user, cached);
      else unknown.push(user);
    }
    if (unknown.length > 0) for (const [user, list] of await this.load(app, unknown)) found.set(user, list);
    return found;
  }

  /** The lists as the store has them now. */
  async load(app: AppId, users: readonly Aci[]): Promise<Map<Aci, CurrentList>> {
    const stored = await this.#store.lists(app, [...users]);
    return new Map(
      users.map((user) => {
        const list = stored.get(user);
        const current = list
          ? { version: list.version, devices: decodeDeviceList(list.signed.record)?.devices ?? [] }
          : NO_LIST;
        this.#remember(`${app}/${user}`, current);
        return [user, current];
      }),
    );
  }

  #remember(key: string, list: CurrentList): void {
    this.#cache.delete(key);
    this.#cache.set(key, list);
    if (this.#cache.size <= MAX_CACHED) return;
    for (const oldest of this.#cache.keys()) {
      this.#cache.delete(oldest);
      return;
    }
  }
}
