import { generateKeyPair, sign } from '@sotto/crypto';
import { decodeDeviceList, deviceListMessage, encodeDeviceList, type DeviceListRecord } from '@sotto/protocol';

import { RelayError } from '../network/relay-error.js';
import type { RelayApi } from '../network/relay-api.js';
import type { IdentityRow } from '../vault/schema.js';
import { commitVault, type EngineContext } from './context.js';
import type { LocalDevice } from './local-device.js';
import type { PreKeys } from './prekeys.js';

type Registered = Extract<IdentityRow, { stage: 'registered' | 'listed' }>;

/**
 * Brings this device to the point where others can write to it. Every step is stored before the next, and can be repeated:
 *
 *   new --POST devices--> registered --PUT prekeys, PUT device-list--> listed
 *
 * @param reset removes the user's other devices first
 * @throws RelayError `needs-device` and others
 */
export async function ensureRegistered(
  context: EngineContext,
  api: RelayApi,
  preKeys: PreKeys,
  reset: boolean,
): Promise<LocalDevice> {
  const identity = await loadIdentity(context);
  const registered = identity.stage === 'new' ? await register(context, api, identity, reset) : identity;
  const local = toLocalDevice(context, registered);
  if (registered.stage === 'registered') {
    await preKeys.publish(local, false);
    await publishList(context, api, local, registered);
  }
  return local;
}

/** This device, if it has registered before: enough to work on what is stored while offline. */
export async function storedDevice(context: EngineContext): Promise<LocalDevice | null> {
  const row = await context.vault.read(['meta'], (transaction) => transaction.get('meta', ['identity']));
  return row?.name === 'identity' && row.stage !== 'new' ? toLocalDevice(context, row) : null;
}

async function loadIdentity(context: EngineContext): Promise<IdentityRow> {
  return commitVault(context, [], async (transaction) => {
    const row = await transaction.get('meta', ['identity']);
    if (row?.name === 'identity') return row;
    const fresh: IdentityRow = {
      name: 'identity',
      stage: 'new',
      identityKeyPair: generateKeyPair(context.random),
      signingKeyPair: generateKeyPair(context.random),
      attempt: context.random(32),
    };
    await transaction.put('meta', fresh);
    return fresh;
  });
}

async function register(
  context: EngineContext,
  api: RelayApi,
  identity: IdentityRow,
  reset: boolean,
): Promise<Registered> {
  const answer = await api.register({
    identityKey: identity.identityKeyPair.publicKey,
    attempt: identity.attempt,
    ...(reset && { reset: true as const }),
  });
  const { identityKeyPair, signingKeyPair, attempt } = identity;
  const row: Registered = {
    name: 'identity',
    stage: 'registered',
    identityKeyPair,
    signingKeyPair,
    attempt,
    device: answer.device,
    registration: answer.registration,
    secret: answer.secret,
    nextListVersion: answer.nextListVersion,
  };
  await commitVault(context, [], (transaction) => transaction.put('meta', row));
  return row;
}

async function publishList(context: EngineContext, api: RelayApi, local: LocalDevice, row: Registered): Promise<void> {
  const record: DeviceListRecord = {
    v: 1,
    app: context.app,
    user: context.user,
    version: row.nextListVersion,
    devices: [{ device: row.device, registration: row.registration, signingKey: row.signingKeyPair.publicKey }],
  };
  const bytes = encodeDeviceList(record);
  const signature = sign(row.identityKeyPair.privateKey, deviceListMessage(bytes), context.random);
  let published = { version: record.version, record: bytes };
  try {
    await api.putDeviceList(local, { record: bytes, signature });
  } catch (error) {
    // The list may have arrived while its answer did not: then the relay holds one that names this device.
    if (!(error instanceof RelayError) || error.code !== 'device-list-conflict') throw error;
    const { list } = await api.getDeviceList(local, context.user);
    const held = decodeDeviceList(list.record);
    const named = held?.devices.some((entry) => entry.device === row.device && entry.registration === row.registration);
    if (!held || !named) throw error;
    published = { version: held.version, record: list.record };
  }
  await commitVault(context, ['peers'], async (transaction) => {
    await transaction.put('peers', {
      user: context.user,
      identityKey: row.identityKeyPair.publicKey,
      list: published,
    });
    await transaction.put('meta', { ...row, stage: 'listed' });
  });
}

function toLocalDevice(context: EngineContext, row: Registered): LocalDevice {
  return {
    app: context.app,
    userName: context.userName,
    user: context.user,
    device: row.device,
    registration: row.registration,
    secret: row.secret,
    signingKeyPair: row.signingKeyPair,
    party: {
      identityKeyPair: row.identityKeyPair,
      registrationId: row.registration,
      address: { name: context.user, deviceId: row.device },
    },
  };
}
