import { decodeDeviceList, type Aci, type AppId, type DeviceId, type RegistrationId } from '@sotto/protocol';

import { BoundedMap } from '../bounded-map.js';
import type { DirectoryStore, StoredList } from '../store/store.js';

export interface CurrentList {
  /** 0: the user has no device. */
  version: number;
  /** `isRemoved`: it stays on the signed list until its owner publishes the next one; nobody needs to encrypt to it. */
  devices: { device: DeviceId; registration: RegistrationId; isRemoved: boolean }[];
}

/** Enough for the busiest node's recipients; about 300 bytes each. */
const MAX_CACHED = 50_000;

const NO_LIST: CurrentList = { version: 0, devices: [] };

/**
 * What the device lists say. One version of a list never changes, so a cached one is right as long as its version is the
 * current one; that the write path checks in its own statement. A device that was removed since is told by its outcome.
 */
export class DeviceLists {
  readonly #store: DirectoryStore;
  readonly #cache = new BoundedMap<string, CurrentList>(MAX_CACHED);

  constructor(store: DirectoryStore) {
    this.#store = store;
  }

  /** What is known of a user's list without asking the store; undefined unless it has the version that is asked for. */
  cached(app: AppId, user: Aci, version: number): CurrentList | undefined {
    const cached = this.#cache.get(`${app}/${user}`);
    return cached?.version === version ? cached : undefined;
  }

  /** The lists as the store has them now. */
  async load(app: AppId, users: readonly Aci[]): Promise<Map<Aci, CurrentList>> {
    const stored = await this.#store.lists(app, [...users]);
    return new Map(
      users.map((user) => {
        const list = stored.get(user);
        const current = list ? { version: list.version, devices: devicesOf(list) } : NO_LIST;
        this.#cache.set(`${app}/${user}`, current);
        return [user, current];
      }),
    );
  }
}

function devicesOf({ signed, living }: StoredList): CurrentList['devices'] {
  const entries = decodeDeviceList(signed.record)?.devices ?? [];
  return entries.map(({ device, registration }) => ({
    device,
    registration,
    isRemoved: !living.some((each) => each.device === device && each.registration === registration),
  }));
}
