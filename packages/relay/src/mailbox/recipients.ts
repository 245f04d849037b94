import { limits, type Aci, type StaleUser, type Submit } from '@sotto/protocol';

import type { CurrentList } from '../directory/lists.js';
import { RelayError } from '../errors.js';
import type { DeviceAddress } from './mailbox-id.js';

/**
 * What the schema of a submit cannot say about its recipients. Throws `bad-request` or `too-large`.
 *
 * @returns how many payloads they need
 */
export function checkRecipients(sender: DeviceAddress, recipients: Submit['recipients']): number {
  const used = new Set<number>();
  const users = new Set<Aci>();
  let count = 0;
  for (const { user, devices } of recipients) {
    if (users.has(user)) throw new RelayError('bad-request', 'A recipient is named twice.');
    users.add(user);
    if (new Set(devices.map(({ device }) => device)).size !== devices.length) {
      throw new RelayError('bad-request', 'A recipient device is named twice.');
    }
    for (const { device, payload } of devices) {
      if (user === sender.user && device === sender.device)
        throw new RelayError('bad-request', 'A device cannot write to itself.');
      used.add(payload);
    }
    count += devices.length;
  }
  if (count > limits.MAX_RECIPIENT_DEVICES)
    throw new RelayError('too-large', 'Too many recipient devices in one submit.');
  if (Math.max(-1, ...used) !== used.size - 1) throw new RelayError('bad-request', 'A payload is addressed to nobody.');
  return used.size;
}

/** @returns their bytes; throws `bad-request` or `too-large` */
export function checkPayloads(payloads: readonly Uint8Array[], needed: number): number {
  let bytes = 0;
  for (const { length } of payloads) bytes += length;
  if (bytes > limits.MAX_SUBMIT_BYTES)
    throw new RelayError('too-large', 'The payloads of one submit are too large together.');
  if (payloads.length < needed) throw new RelayError('bad-request', 'A recipient names a payload that is not there.');
  if (payloads.length > needed) throw new RelayError('bad-request', 'A payload is addressed to nobody.');
  return bytes;
}

/** Compares what the message was encrypted to with the current lists; empty: all is well. */
export function findStale(sender: DeviceAddress, submit: Submit, lists: Map<Aci, CurrentList>): StaleUser[] {
  const stale: StaleUser[] = [];
  for (const { user, list, devices, complete } of submit.recipients) {
    if (!complete) continue;
    const current = lists.get(user) ?? { version: 0, devices: [] };
    const isSender = (entry: { device: number }) => user === sender.user && entry.device === sender.device;
    const expected = current.devices.filter((entry) => !isSender(entry));
    const missing = expected.filter((entry) => !entry.isRemoved && !devices.some((device) => same(device, entry)));
    const gone = devices.filter((device) => !expected.some((entry) => same(device, entry)));
    if (current.version === list && missing.length === 0 && gone.length === 0) continue;
    stale.push({ user, version: current.version, missing: missing.map(ref), gone: gone.map(ref) });
  }
  return stale;
}

type Ref = StaleUser['missing'][number];

function same(a: Ref, b: Ref): boolean {
  return a.device === b.device && a.registration === b.registration;
}

function ref({ device, registration }: Ref): Ref {
  return { device, registration };
}
