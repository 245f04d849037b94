import { decodeDeviceList, type DeviceListRecord, type SignedDeviceList } from '@sotto/protocol';

import type { Login } from '../auth/token-verifier.js';
import { RelayError } from '../errors.js';
import type { MailboxId } from '../mailbox/mailbox-id.js';
import type { DeviceRecord, UserChange, UserState } from '../store/store.js';
import { equalBytes } from './bytes.js';

/** Who hears of a new list: the devices that stay, and those that were dropped. */
export interface Publication {
  version: number;
  staying: MailboxId[];
  removed: MailboxId[];
}

/**
 * Decides on a new device list: it must be well formed, about this user, the successor of the stored one, and name only
 * registered devices. The signature is none of the relay's business: it cannot check it, and clients do.
 */
export function decideDeviceList(
  state: UserState,
  login: Login,
  signed: SignedDeviceList,
  now: number,
): { change: UserChange | null; result: Publication } {
  const record = parse(signed, login);
  const living = state.devices.filter((device) => device.removedAt === null);
  const isRepeated =
    state.list !== null && record.version === state.listVersion && equalBytes(state.list.record, signed.record);
  if (isRepeated) return { change: null, result: { version: record.version, staying: [], removed: [] } };
  if (record.version !== state.nextListVersion) throw new RelayError('device-list-conflict');

  const named = record.devices.map((entry) => {
    const device = living.find((each) => each.device === entry.device && each.registration === entry.registration);
    if (!device) throw new RelayError('device-list-conflict', 'The list names a device that is not registered.');
    return device;
  });
  // A device that is registered and not yet listed is about to publish a list of its own: it stays.
  const dropped = living.filter((device) => device.listed && !named.includes(device)).map(mailboxOf);
  return {
    change: {
      list: record.devices.length === 0 ? null : { signed, version: record.version },
      nextListVersion: record.version + 1,
      listed: named.map(mailboxOf),
      ...(dropped.length > 0 && { remove: { mailboxes: dropped, at: now } }),
    },
    result: { version: record.version, staying: named.map(mailboxOf), removed: dropped },
  };
}

function parse(signed: SignedDeviceList, login: Login): DeviceListRecord {
  const record = decodeDeviceList(signed.record);
  if (!record) throw new RelayError('bad-request', 'record: not a device list');
  if (record.app !== login.app || record.user !== login.user) {
    throw new RelayError('bad-request', 'record: the list is about another user');
  }
  if (new Set(record.devices.map(({ device }) => device)).size !== record.devices.length) {
    throw new RelayError('bad-request', 'record: a device is named twice');
  }
  return record;
}

/** Decides on the removal of a device by itself. A user without a device has no list. */
export function decideRemoval(
  state: UserState,
  device: DeviceRecord,
  now: number,
): { change: UserChange; result: { staying: MailboxId[] } } {
  const staying = state.devices.filter((each) => each.removedAt === null && each.mailbox !== device.mailbox);
  return {
    change: {
      remove: { mailboxes: [device.mailbox], at: now },
      ...(staying.every((each) => !each.listed) && { list: null }),
    },
    result: { staying: staying.map(mailboxOf) },
  };
}

function mailboxOf({ mailbox }: DeviceRecord): MailboxId {
  return mailbox;
}
