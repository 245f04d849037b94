import { sign, verify } from '@sotto/crypto';
import { decodeDeviceList, deviceListMessage, encodeDeviceList, type DeviceListRecord } from '@sotto/protocol';

import { RelayError } from '../network/relay-error.js';
import type { RelayApi } from '../network/relay-api.js';
import { commitVault, type EngineContext } from './context.js';
import { DirectoryError } from './directory.js';
import type { LocalDevice } from './local-device.js';

export type ListedDevice = DeviceListRecord['devices'][number];

/** Other devices of the user publish lists too; after so many lost races something else is wrong. */
const MAX_TRIES = 5;

/**
 * Changes this user's own device list: the relay's newest one, if it is genuine, with the change applied, signed and put in
 * its place; from the start again where another device was faster. The vault follows.
 *
 * @param firstVersion the version of a list that has no predecessor
 * @throws RelayError, DirectoryError `forged-device-list`
 */
export async function changeOwnList(
  context: EngineContext,
  api: RelayApi,
  local: LocalDevice,
  firstVersion: number,
  change: (devices: readonly ListedDevice[]) => readonly ListedDevice[],
): Promise<void> {
  for (let tries = 1; ; tries++) {
    const before = await fetchOwn(context, api, local);
    const devices = change(before?.devices ?? []);
    const version = before ? before.version + 1 : firstVersion;
    const record = encodeDeviceList({ v: 1, app: context.app, user: context.user, version, devices: [...devices] });
    const isSame = before !== null && JSON.stringify(before.devices) === JSON.stringify(devices);
    if (isSame) {
      await store(context, local, { version: before.version, record: before.bytes });
      return;
    }
    const identity = local.party.identityKeyPair;
    const signature = sign(identity.privateKey, deviceListMessage(record), context.random);
    try {
      await api.putDeviceList(local, { record, signature });
      await store(context, local, { version, record });
      return;
    } catch (error) {
      const lost = error instanceof RelayError && error.code === 'device-list-conflict';
      if (!lost || tries >= MAX_TRIES) throw error;
    }
  }
}

async function fetchOwn(
  context: EngineContext,
  api: RelayApi,
  local: LocalDevice,
): Promise<(Pick<DeviceListRecord, 'version' | 'devices'> & { bytes: Uint8Array }) | null> {
  const answer = await api.getDeviceList(local, context.user).catch((error: unknown) => {
    if (error instanceof RelayError && error.code === 'user-unknown') return null;
    throw error;
  });
  if (!answer) return null;
  const { record: bytes, signature } = answer.list;
  const record = decodeDeviceList(bytes);
  const genuine =
    record?.app === context.app &&
    record.user === context.user &&
    verify(local.party.identityKeyPair.publicKey, deviceListMessage(bytes), signature);
  if (!genuine) throw new DirectoryError('forged-device-list');
  return { version: record.version, devices: record.devices, bytes };
}

async function store(
  context: EngineContext,
  local: LocalDevice,
  list: { version: number; record: Uint8Array },
): Promise<void> {
  const { publicKey } = local.party.identityKeyPair;
  await commitVault(context, ['peers'], (transaction) =>
    transaction.put('peers', { user: context.user, identityKey: publicKey, list }),
  );
}
