import type { Aci, DeviceId, RegistrationId } from '@sotto/protocol';

import { aciOf } from '../content/content.js';
import type { EngineContext } from './context.js';
import type { DeviceList, Directory } from './directory.js';
import type { LocalDevice } from './local-device.js';
import type { Outgoing } from './outgoing.js';

/** A device that a content is sealed for. */
export interface Target {
  readonly user: Aci;
  readonly name: string;
  readonly list: number;
  readonly device: DeviceId;
  readonly registration: RegistrationId;
  /** The identity key that the list was believed under: what is sealed for it is for nobody else. */
  readonly identityKey: Uint8Array;
}

/** One registration of a device. */
interface Address {
  readonly user: Aci;
  readonly device: number;
  readonly registration: number;
}

/** Whom a content goes to now. */
export interface Targets {
  readonly targets: readonly Target[];
  /** Versions of the lists that are followed completely; empty for a content to one device. */
  readonly lists: ReadonlyMap<Aci, number>;
}

/** @throws RelayError, DirectoryError */
export async function findTargets(
  context: EngineContext,
  directory: Directory,
  outgoing: Outgoing,
  local: LocalDevice,
): Promise<Targets> {
  return outgoing.only
    ? findOne(directory, outgoing, outgoing.only, local)
    : findAll(context, directory, outgoing, local);
}

async function findAll(
  context: EngineContext,
  directory: Directory,
  { to, peer }: Outgoing,
  local: LocalDevice,
): Promise<Targets> {
  const targets: Target[] = [];
  const lists = new Map<Aci, number>();
  const add = (user: Aci, name: string, list: DeviceList): void => {
    lists.set(user, list.version);
    for (const { device, registration } of list.devices) {
      if (user === local.user && device === local.device) continue;
      targets.push({ user, name, list: list.version, device, registration, identityKey: list.identityKey });
    }
  };
  if (to.peer) {
    const user = aciOf(context.app, peer);
    add(user, peer, await directory.devices(user));
  }
  if (to.ownDevices) add(local.user, local.userName, await directory.devices(local.user));
  return { targets, lists };
}

async function findOne(
  directory: Directory,
  outgoing: Outgoing,
  { user, device, registration }: NonNullable<Outgoing['only']>,
  local: LocalDevice,
): Promise<Targets> {
  const isListed = (list: DeviceList): boolean =>
    list.devices.some((entry) => entry.device === device && entry.registration === registration);
  let list = await directory.devices(user);
  if (!isListed(list)) list = await directory.refresh(user);
  const target = {
    user,
    name: user === local.user ? local.userName : outgoing.peer,
    list: list.version,
    device,
    registration,
    identityKey: list.identityKey,
  };
  return { targets: isListed(list) ? [target] : [], lists: new Map() };
}

export function isFor(row: Address, target: Address): boolean {
  return row.user === target.user && row.device === target.device && row.registration === target.registration;
}

/** The registration as a key of maps. */
export function nameOf({ user, device, registration }: Address): string {
  return `${user}.${device}.${registration}`;
}
