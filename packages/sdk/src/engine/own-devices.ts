import type { DeviceId, DevicesResponse, ExpiringDevice, RegistrationId } from '@sotto/protocol';

import { nameRow } from '../history/device-name-row.js';
import { markRow } from '../history/identity-row.js';
import { ownProfileRow } from '../history/profile-row.js';
import { enqueue } from '../history/rows.js';
import type { DeviceRow, HistoryRows } from '../history/schema.js';
import type { RelayApi } from '../network/relay-api.js';
import type { WriteTransaction } from '../storage/tables.js';
import { Mutex } from '../util/mutex.js';
import type { EngineContext } from './context.js';
import type { Directory } from './directory.js';
import type { LocalDevice } from './local-device.js';
import { changeOwnList, type ListChange } from './own-list.js';

type Ref = { readonly device: number; readonly registration: number };

/** Of contacts: more than most people have; the rest come when they next change. */
const MAX_PROFILES_PASSED_ON = 1_000;

const same = (a: Ref, b: Ref): boolean => a.device === b.device && a.registration === b.registration;

/** This user's devices: what the signed list names, with what the relay knows of them and the names they gave themselves. */
export class OwnDevices {
  readonly #turns = new Mutex();
  readonly #context: EngineContext;
  readonly #api: RelayApi;
  readonly #directory: Directory;

  constructor(context: EngineContext, api: RelayApi, directory: Directory) {
    this.#context = context;
    this.#api = api;
    this.#directory = directory;
  }

  /**
   * Looks after a connection is made, or the list has changed. Devices that the relay has removed leave the list; new ones
   * are told this device's name, whom the person has verified, and what people call themselves.
   *
   * @throws RelayError, DirectoryError
   */
  sync(local: LocalDevice, expiring: readonly ExpiringDevice[] | null): Promise<void> {
    return this.#turns.run(() => this.#sync(local, expiring));
  }

  /** Takes a device off the list: the relay removes it, and it wipes itself when it hears of that. */
  remove(local: LocalDevice, gone: { device: DeviceId; registration: RegistrationId }): Promise<void> {
    return this.#turns.run(async () => {
      await this.#change(local, (devices) => devices.filter((entry) => !same(entry, gone)));
      await this.#sync(local, null);
    });
  }

  async #sync(local: LocalDevice, expiring: readonly ExpiringDevice[] | null): Promise<void> {
    let registered: DevicesResponse['devices'] = [];
    await this.#change(local, async (devices) => {
      // Asked after the list was: a device that joins meanwhile must not look like one that the relay has dropped.
      ({ devices: registered } = await this.#api.getDevices(local));
      return devices.filter((entry) => same(entry, local) || registered.some((one) => same(one, entry)));
    });
    const { devices: listed } = await this.#directory.devices(local.user);
    await this.#context.history.write(['devices', 'identities', 'profiles', 'outbox'], async (transaction) => {
      const before = await transaction.range('devices');
      for (const row of before) {
        if (!listed.some(({ device }) => device === row.device)) await transaction.delete('devices', [row.device]);
      }
      let isNew = false;
      for (const entry of listed) {
        const known = before.find((row) => same(row, entry));
        const seen = registered.find((one) => same(one, entry));
        const soon = expiring === null ? known?.expiresAt : expiring.find((one) => same(one, entry))?.expiresAt;
        isNew ||= known?.listed !== 1 && entry.device !== local.device;
        await transaction.put('devices', {
          device: entry.device,
          registration: entry.registration,
          name: known?.name ?? null,
          listed: 1,
          current: same(entry, local) ? 1 : 0,
          createdAt: seen?.createdAt ?? null,
          lastSeenAt: seen?.lastSeenAt ?? null,
          expiresAt: soon ?? null,
        } satisfies DeviceRow);
      }
      const name = before.find((row) => same(row, local))?.name;
      if (isNew) await this.#introduce(transaction, name ?? null);
    });
  }

  /** Tells new devices what this one is called, whom the person has verified, and what people call themselves. */
  async #introduce(
    transaction: WriteTransaction<Pick<HistoryRows, 'identities' | 'profiles' | 'outbox'>>,
    name: string | null,
  ): Promise<void> {
    const { random, user, clock } = this.#context;
    for (const row of await transaction.range('identities'))
      if (row.verified === 1) await enqueue(transaction, markRow(this.#context, row, random(16)));
    const own = await transaction.get('profiles', [user]);
    const others = await transaction.range('profiles', { limit: MAX_PROFILES_PASSED_ON });
    const profiles = [...(own ? [own] : []), ...others.filter((row) => row.user !== user)];
    for (const row of profiles) await enqueue(transaction, ownProfileRow(this.#context, row, clock.now()));
    if (name !== null) await enqueue(transaction, nameRow(this.#context, name, random(8)));
  }

  async #change(local: LocalDevice, change: ListChange): Promise<void> {
    await changeOwnList(this.#context, this.#api, local, 1, change);
    this.#directory.forget();
  }
}
