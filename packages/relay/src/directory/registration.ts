import {
  limits,
  RESET_TOKEN_MAX_AGE_SECONDS,
  type DeviceId,
  type RegisterRequest,
  type RegistrationId,
  type SignedDeviceList,
} from '@sotto/protocol';

import { deriveDeviceSecret, hashSecret } from '../auth/secret.js';
import type { Login } from '../auth/token-verifier.js';
import { RelayError } from '../errors.js';
import { mailboxId, type MailboxId } from '../mailbox/mailbox-id.js';
import type { Random } from '../platform.js';
import type { DeviceRecord, UserChange, UserState } from '../store/store.js';
import { equalBytes } from './bytes.js';
import { dayOf } from './inactivity.js';

/** A first device that never published a list within this time was abandoned; a new registration replaces it. */
const ABANDONED_AFTER_MS = 10 * 60_000;

export interface Registration {
  device: DeviceId;
  registration: RegistrationId;
  secret: Uint8Array;
  list: SignedDeviceList | null;
  nextListVersion: number;
  /** Removed by a reset, or abandoned: their sockets are told. */
  removed: MailboxId[];
}

interface Context {
  login: Login;
  request: RegisterRequest;
  relayKey: Uint8Array;
  now: number;
  random: Random;
}

/**
 * Decides on a registration (protocol `http/devices.ts`), in this order: a repeated attempt yields the same device; a
 * reset needs its claim; the first device needs nothing; a further one a link token and the same identity.
 */
export function decideRegistration(
  state: UserState,
  context: Context,
): { change: UserChange | null; result: Registration } {
  const { request, login, now } = context;
  const attemptHash = hashSecret(request.attempt);
  const living = state.devices.filter((device) => device.removedAt === null);

  const known = living.find((device) => equalBytes(device.attemptHash, attemptHash));
  if (known) return { change: null, result: repeated(state, known, context) };

  if (request.reset) {
    return added(state, context, { remove: living, list: null, useReset: checkReset(state, login, now) });
  }
  const isAbandoned = state.list === null && living.every((device) => device.createdAt < now - ABANDONED_AFTER_MS);
  if (living.length === 0 || isAbandoned) return added(state, context, { remove: living });
  if (!request.linkToken) throw new RelayError('needs-device');
  const useLinkToken = checkLinkToken(state, request.linkToken, now);
  checkIdentity(state, request.identityKey);
  if (living.length >= limits.MAX_DEVICES_PER_USER) throw new RelayError('device-limit');
  return added(state, context, { useLinkToken });
}

function repeated(state: UserState, known: DeviceRecord, { request, relayKey, login }: Context): Registration {
  checkIdentity(state, request.identityKey);
  return {
    device: known.device,
    registration: known.registration,
    secret: deriveDeviceSecret(relayKey, request.attempt, { ...login, ...known }),
    list: state.list,
    nextListVersion: state.nextListVersion,
    removed: [],
  };
}

function added(
  state: UserState,
  { login, request, relayKey, now, random }: Context,
  rest: {
    remove?: DeviceRecord[];
    list?: null;
    useReset?: { hash: Uint8Array; expiresAt: number };
    useLinkToken?: Uint8Array;
  },
): { change: UserChange; result: Registration } {
  const { remove = [], ...others } = rest;
  const staying = state.devices.filter((device) => device.removedAt === null && !remove.includes(device));
  const device = lowestFree(staying);
  const registration = freshRegistration(
    state.devices.filter((other) => other.device === device),
    random,
  );
  const secret = deriveDeviceSecret(relayKey, request.attempt, { ...login, device, registration });
  const removed = remove.map(({ mailbox }) => mailbox);
  const add: DeviceRecord = {
    device,
    registration,
    mailbox: mailboxId(login.app, { user: login.user, device, registration }),
    secretHash: hashSecret(secret),
    attemptHash: hashSecret(request.attempt),
    listed: false,
    createdAt: now,
    seenDay: dayOf(now),
    warnedDay: null,
    removedAt: null,
  };
  return {
    change: {
      ...others,
      add,
      ...(staying.length === 0 && { identityKey: request.identityKey }),
      ...(removed.length > 0 && { remove: { mailboxes: removed, at: now } }),
    },
    result: {
      device,
      registration,
      secret,
      removed,
      list: staying.length === 0 ? null : state.list,
      nextListVersion: state.nextListVersion,
    },
  };
}

function checkReset(state: UserState, login: Login, now: number): { hash: Uint8Array; expiresAt: number } {
  const maxAge = RESET_TOKEN_MAX_AGE_SECONDS * 1000;
  if (!login.reset || now - login.reset.issuedAt > maxAge) throw new RelayError('reset-refused');
  const { hash } = login.reset;
  if (state.resets.some((used) => equalBytes(used, hash))) {
    throw new RelayError('reset-refused', 'This reset token was used before.');
  }
  return { hash, expiresAt: login.expiresAt + maxAge };
}

function checkLinkToken(state: UserState, token: Uint8Array, now: number): Uint8Array {
  const hash = hashSecret(token);
  if (!state.linkTokens.some((each) => equalBytes(each.hash, hash) && each.expiresAt > now)) {
    throw new RelayError('link-token-invalid');
  }
  return hash;
}

function checkIdentity(state: UserState, identityKey: Uint8Array): void {
  if (!state.identityKey || !equalBytes(state.identityKey, identityKey)) throw new RelayError('identity-mismatch');
}

function lowestFree(living: readonly DeviceRecord[]): DeviceId {
  for (let id = 1; id <= limits.MAX_DEVICE_ID; id++) {
    if (!living.some(({ device }) => device === id)) return id as DeviceId;
  }
  throw new RelayError('device-limit');
}

/** 14 bits, never 0, and none that this device id ever had: a stale address must not reach a new device. */
function freshRegistration(predecessors: readonly DeviceRecord[], random: Random): RegistrationId {
  const used = new Set(predecessors.map(({ registration }) => registration));
  if (used.size >= limits.MAX_REGISTRATION_ID) throw new RelayError('device-limit');
  for (;;) {
    const [high = 0, low = 0] = random(2);
    const id = ((high << 8) | low) & limits.MAX_REGISTRATION_ID;
    if (id !== 0 && !used.has(id as RegistrationId)) return id as RegistrationId;
  }
}
