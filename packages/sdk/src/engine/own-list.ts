import { sign, verify } from '@sotto/crypto';
import { decodeDeviceList, deviceListMessage, encodeDeviceList, type DeviceListRecord } from '@sotto/protocol';

import { RelayError } from '../network/relay-error.js';
import type { RelayApi } from '../network/relay-api.js';
import { equalBytes } from '../util/bytes.js';
import { commitVault, type EngineContext } from './context.js';
import { DirectoryError } from './directory.js';
import type { LocalDevice } from './local-device.js';

export type ListedDevice = DeviceListRecord['devices'][number];

/** Other devices of the user publish lists too; after so many lost races something else is wrong. */
const MAX_TRIES = 5;

/** What a change makes of the devices that are listed; it may ask the relay. */
export type ListChange = (
  devices: readonly ListedDevice[],
) => readonly ListedDevice[] | Promise<readonly ListedDevice[]>;

interface OwnList {
  readonly version: number;
  readonly devices: readonly ListedDevice[];
  readonly record: Uint8Array;
}

/**
 * Changes this user's own device list: the newest one, if it is genuine, with the change applied, signed and put in its place;
 * from the start again where another device was faster. The vault follows.
 *
 * A relay that serves an older list than this device has seen, be it restored or malicious, does not bring back what was taken
 * off since: ours is the ground, and is published again and again until it is the newest for everybody.
 *
 * @param firstVersion the version of a list that has no predecessor
 * @throws RelayError, DirectoryError `forged-device-list`, `old-device-list`
 */
export async function changeOwnList(
  context: EngineContext,
  api: RelayApi,
  local: LocalDevice,
  firstVersion: number,
  change: ListChange,
): Promise<void> {
  let isBehind = false;
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const [served, known] = [await fetchOwn(context, api, local), await knownOwn(context, local)];
    isBehind ||= known !== null && (served?.version ?? 0) < known.version;
    const before = isBehind ? known : served;
    const devices = [...(await change(before?.devices ?? []))];
    if (!isBehind && before && JSON.stringify(before.devices) === JSON.stringify(devices)) {
      await store(context, local, before);
      return;
    }
    const version = served ? served.version + 1 : firstVersion;
    const record = encodeDeviceList({ v: 1, app: context.app, user: context.user, version, devices });
    const signature = sign(local.party.identityKeyPair.privateKey, deviceListMessage(record), context.random);
    try {
      await api.putDeviceList(local, { record, signature });
    } catch (error) {
      const lost = error instanceof RelayError && error.code === 'device-list-conflict';
      if (!lost || tries >= MAX_TRIES) throw error;
      continue;
    }
    // Those who know the lists that the relay has forgotten believe only a later one.
    if (known && isBehind && version <= known.version) continue;
    await store(context, local, { version, record });
    return;
  }
  throw new DirectoryError('old-device-list');
}

/** The newest list that this device has seen. */
async function knownOwn(context: EngineContext, local: LocalDevice): Promise<OwnList | null> {
  const row = await context.vault.read(['peers'], (transaction) => transaction.get('peers', [context.user]));
  if (!row?.list || !equalBytes(row.identityKey, local.party.identityKeyPair.publicKey)) return null;
  const devices = decodeDeviceList(row.list.record)?.devices;
  return devices ? { ...row.list, devices } : null;
}

async function fetchOwn(context: EngineContext, api: RelayApi, local: LocalDevice): Promise<OwnList | null> {
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
  return { version: record.version, devices: record.devices, record: bytes };
}

async function store(
  context: EngineContext,
  local: LocalDevice,
  { version, record }: Pick<OwnList, 'version' | 'record'>,
): Promise<void> {
  const list = { version, record };
  const { publicKey } = local.party.identityKeyPair;
  await commitVault(context, ['peers'], (transaction) =>
    transaction.put('peers', { user: context.user, identityKey: publicKey, list }),
  );
}
