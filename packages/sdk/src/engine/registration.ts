import { generateKeyPair, type KeyPair } from '@sotto/crypto';

import { StorageError } from '../storage/storage-error.js';
import type { RelayApi } from '../network/relay-api.js';
import { equalBytes } from '../util/bytes.js';
import type { IdentityRow, MetaRow } from '../vault/schema.js';
import { commitVault, VaultConflict, type EngineContext } from './context.js';
import type { LocalDevice } from './local-device.js';
import { changeOwnList } from './own-list.js';
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
  const identity = await loadIdentity(context, reset);
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

/**
 * This device's keys; makes them where there have never been any. The history remembers that there were: a browser that has
 * deleted the vault alone must not quietly make this person somebody else.
 *
 * @param reset who starts afresh does not do so under an identity that was taken over from the devices given up
 * @throws StorageError `keys-lost`
 */
export async function loadIdentity(context: EngineContext, reset: boolean): Promise<IdentityRow> {
  const remembered = await context.history.read(['hadKeys'], (transaction) => transaction.get('hadKeys', ['keys']));
  const identity = await commitVault(context, [], async (transaction) => {
    const row = await transaction.get('meta', ['identity']);
    if (row ? !isIntact(row) : remembered) throw new StorageError('keys-lost');
    const isTaken = row?.name === 'identity' && row.stage === 'new' && row.linkToken !== null;
    if (row?.name === 'identity' && !(reset && isTaken)) return row;
    const fresh: IdentityRow = {
      name: 'identity',
      stage: 'new',
      linkToken: null,
      identityKeyPair: generateKeyPair(context.random),
      signingKeyPair: generateKeyPair(context.random),
      attempt: context.random(32),
    };
    await transaction.put('meta', fresh);
    return fresh;
  });
  if (!remembered)
    await context.history.write(['hadKeys'], (transaction) => transaction.put('hadKeys', { name: 'keys' }));
  return identity;
}

function isIntact(row: MetaRow): boolean {
  if (row.name !== 'identity') return false;
  const keys = [row.identityKeyPair, row.signingKeyPair].flatMap((pair: KeyPair | undefined) => [
    pair?.publicKey,
    pair?.privateKey,
  ]);
  return keys.every((key: unknown) => key instanceof Uint8Array && key.length > 0);
}

async function register(
  context: EngineContext,
  api: RelayApi,
  identity: Extract<IdentityRow, { stage: 'new' }>,
  reset: boolean,
): Promise<Registered> {
  const answer = await api.register({
    identityKey: identity.identityKeyPair.publicKey,
    attempt: identity.attempt,
    ...(reset && { reset: true as const }),
    ...(!reset && identity.linkToken && { linkToken: identity.linkToken }),
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
  await commitVault(context, [], async (transaction) => {
    const before = await transaction.get('meta', ['identity']);
    // A bundle was taken over meanwhile: this device is another now.
    if (before?.name === 'identity' && !equalBytes(before.attempt, attempt)) throw new VaultConflict('conflict');
    await transaction.put('meta', row);
  });
  return row;
}

/** Puts this device on the user's list, beside those that are there. */
async function publishList(context: EngineContext, api: RelayApi, local: LocalDevice, row: Registered): Promise<void> {
  const { device, registration } = row;
  const self = { device, registration, signingKey: row.signingKeyPair.publicKey };
  // Another entry of this number is of a device that is gone: the relay allots a number once at a time.
  await changeOwnList(context, api, local, row.nextListVersion, (devices) =>
    devices.some((entry) => entry.device === device && entry.registration === registration)
      ? devices
      : [...devices.filter((entry) => entry.device !== device), self],
  );
  await commitVault(context, [], (transaction) => transaction.put('meta', { ...row, stage: 'listed' }));
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
