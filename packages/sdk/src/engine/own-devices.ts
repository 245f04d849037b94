import type { DeviceId, DevicesResponse, ExpiringDevice, RegistrationId } from '@sotto/protocol';

import type { DeviceRow } from '../history/schema.js';
import type { RelayApi } from '../network/relay-api.js';
import { Mutex } from '../util/mutex.js';
import type { EngineContext } from './context.js';
import type { Directory } from './directory.js';
import type { LaterModules } from './later.js';
import type { LocalDevice } from './local-device.js';
import { changeOwnList, type ListChange } from './own-list.js';

type Ref = { readonly device: number; readonly registration: number };

const TABLES = ['devices', 'conversations', 'messages', 'identities', 'profiles', 'outbox'] as const;

const same = (a: Ref, b: Ref): boolean => a.device === b.device && a.registration === b.registration;

/** This user's devices: what the signed list names, with what the relay knows of them and the names they gave themselves. */
export class OwnDevices {
  readonly #turns = new Mutex();
  readonly #context: EngineContext;
  readonly #api: RelayApi;
  readonly #directory: Directory;
  readonly #later: LaterModules['introducing'];

  constructor(context: EngineContext, api: RelayApi, directory: Directory, later: LaterModules['introducing']) {
    this.#context = context;
    this.#api = api;
    this.#directory = directory;
    this.#later = later;
  }

  /**
   * Looks after a connection is made, or the list has changed. Devices that the relay has removed leave the list; new ones
   * are told this device's name, whom the person has verified, what people call themselves, and what was read since they joined.
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
    const { history } = this.#context;
    const known = await history.read(['devices'], (transaction) => transaction.range('devices'));
    const strangers = listed.filter(
      (entry) => entry.device !== local.device && known.find((row) => same(row, entry))?.listed !== 1,
    );
    const joined = strangers.map((entry) => registered.find((one) => same(one, entry))?.createdAt ?? Infinity);
    // Fetched before the transaction, which waits for nothing but the database.
    const introduce = strangers.length > 0 ? (await this.#later()).introduce : null;
    await history.write(TABLES, async (transaction) => {
      const before = await transaction.range('devices');
      for (const row of before) {
        if (!listed.some(({ device }) => device === row.device)) await transaction.delete('devices', [row.device]);
      }
      for (const entry of listed) {
        const row = before.find((one) => same(one, entry));
        const seen = registered.find((one) => same(one, entry));
        const soon = expiring === null ? row?.expiresAt : expiring.find((one) => same(one, entry))?.expiresAt;
        await transaction.put('devices', {
          device: entry.device,
          registration: entry.registration,
          name: row?.name ?? null,
          listed: 1,
          current: same(entry, local) ? 1 : 0,
          createdAt: seen?.createdAt ?? null,
          lastSeenAt: seen?.lastSeenAt ?? null,
          expiresAt: soon ?? null,
        } satisfies DeviceRow);
      }
      const name = before.find((row) => same(row, local))?.name ?? null;
      await introduce?.(transaction, this.#context, { name, since: Math.min(...joined) });
    });
  }

  async #change(local: LocalDevice, change: ListChange): Promise<void> {
    await changeOwnList(this.#context, this.#api, local, 1, change);
    this.#directory.forget();
  }
}
