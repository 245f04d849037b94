import { decodeDeviceList, type ExpiringDevice } from '@sotto/protocol';

import type { MailboxId } from '../mailbox/mailbox-id.js';
import type { DeviceRecord, UserChange, UserState } from '../store/store.js';

export const DAY_MS = 24 * 3_600_000;

/** A device that has not connected for so long is removed. */
export const DEFAULT_INACTIVE_MS = 90 * DAY_MS;

/** The user's other devices are told so long before, whatever the limit was when the device was last seen. */
export const WARNING_MS = 14 * DAY_MS;

/** Of a user's only device that is left the identity would go with it: it gets so many times as long. */
const LAST_DEVICE_FACTOR = 2;

/** Days since the epoch, UTC: all that is noted of when a device connected. */
export function dayOf(time: number): number {
  return Math.floor(time / DAY_MS);
}

/** A device that was last seen before this day has been silent for `silence` milliseconds, to the end of that day. */
export function silentBefore(now: number, silence: number): number {
  return dayOf(now - silence);
}

/** Nobody can be warned of for longer than a device may be silent. */
function warningOf(inactiveMs: number): number {
  return Math.min(WARNING_MS, inactiveMs);
}

/**
 * The thresholds by which devices are removed: days. Silence alone is not enough: a limit that was lowered, a relay that was down
 * for weeks or a clock that jumped would otherwise remove devices of which nobody was told.
 */
export interface Silence {
  /** Last seen before this day, and announced long enough: removed, if the user has a listed device that was seen later. */
  before: number;
  /** Last seen before this day, and announced as much longer: removed in any case. */
  lastBefore: number;
  /** Announced long enough: on this day, or earlier. */
  warnedBy: number;
  lastWarnedBy: number;
}

export function silence(now: number, inactiveMs: number): Silence {
  const lastMs = LAST_DEVICE_FACTOR * inactiveMs;
  return {
    before: silentBefore(now, inactiveMs),
    lastBefore: silentBefore(now, lastMs),
    warnedBy: dayOf(now - warningOf(inactiveMs)),
    lastWarnedBy: dayOf(now - warningOf(inactiveMs) - (lastMs - inactiveMs)),
  };
}

/** Devices that were last seen before this day are announced to the user's others. */
export function warnedBefore(now: number, inactiveMs: number): number {
  return silentBefore(now + warningOf(inactiveMs), inactiveMs);
}

type Days = Pick<DeviceRecord, 'seenDay' | 'warnedDay'>;

/** The day from which on it is announced, or null: a warning ends when the device is seen. */
function announcedOn({ seenDay, warnedDay }: Days): number | null {
  return warnedDay !== null && warnedDay > seenDay ? warnedDay : null;
}

/** When a device goes if it does not connect before: milliseconds since the epoch. One that is announced only now has that time. */
export function expiryOf(device: Days, now: number, inactiveMs: number): number {
  const announced = announcedOn(device) ?? dayOf(now);
  return Math.max(silentUntil(device.seenDay, inactiveMs), announced * DAY_MS + warningOf(inactiveMs));
}

/** When a device has been silent for too long: milliseconds since the epoch. */
export function silentUntil(seenDay: number, inactiveMs: number): number {
  return (seenDay + 1) * DAY_MS + inactiveMs;
}

/**
 * What another device of the user must know: which will be removed soon, and which are gone and still stand on the
 * signed list (they have their end in the past): senders go on encrypting to those until a new list is published.
 */
export function expiringOthers(
  state: UserState,
  self: MailboxId,
  { now, inactiveMs }: { now: number; inactiveMs: number },
): ExpiringDevice[] {
  const others = state.devices.filter(({ mailbox }) => mailbox !== self);
  const soon = others
    .filter(({ listed, removedAt }) => listed && removedAt === null)
    .map((device) => ({ ...refOf(device), expiresAt: expiryOf(device, now, inactiveMs) }))
    .filter(({ expiresAt }) => expiresAt <= now + warningOf(inactiveMs));
  const record = state.list && decodeDeviceList(state.list.record);
  const gone = (record?.devices ?? []).flatMap((entry) => {
    const device = others.find((each) => isSame(each, entry));
    return device && device.removedAt !== null ? [{ ...refOf(device), expiresAt: device.removedAt }] : [];
  });
  return [...soon, ...gone];
}

/** Decides which of a user's devices go. Null: none. */
export function decideInactive(
  state: UserState,
  { before, lastBefore, warnedBy, lastWarnedBy }: Silence,
  now: number,
): { change: UserChange | null; result: { removed: DeviceRecord[]; staying: DeviceRecord[] } } {
  const living = state.devices.filter(({ removedAt }) => removedAt === null);
  const latest = living.filter(({ listed }) => listed).reduce<DeviceRecord | null>(later, null);
  const removed = living.filter((device) => {
    const [seen, warned] = device.mailbox === latest?.mailbox ? [lastBefore, lastWarnedBy] : [before, warnedBy];
    return device.seenDay < seen && (announcedOn(device) ?? Infinity) <= warned;
  });
  const staying = living.filter((device) => !removed.includes(device));
  if (removed.length === 0) return { change: null, result: { removed, staying } };
  const mailboxes = removed.map(({ mailbox }) => mailbox);
  const isListless = !staying.some(({ listed }) => listed);
  return {
    change: { remove: { mailboxes, at: now }, ...(isListless && { list: null }) },
    result: { removed, staying },
  };
}

/** As the store's `inactive` compares: by day, then by name. */
function later(a: DeviceRecord | null, b: DeviceRecord): DeviceRecord {
  if (!a || a.seenDay < b.seenDay) return b;
  return a.seenDay === b.seenDay && a.mailbox < b.mailbox ? b : a;
}

function refOf({ device, registration }: DeviceRecord): Pick<ExpiringDevice, 'device' | 'registration'> {
  return { device, registration };
}

function isSame(a: Pick<ExpiringDevice, 'device' | 'registration'>, b: typeof a): boolean {
  return a.device === b.device && a.registration === b.registration;
}
