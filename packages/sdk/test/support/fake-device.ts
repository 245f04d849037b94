import {
  toBase64Url,
  type Cursor,
  type DeviceId,
  type Envelope,
  type PreKeyCounts,
  type PutPreKeysRequest,
  type RegistrationId,
  type SignedDeviceList,
} from '@sotto/protocol';

import type { SocketHandlers } from '../../src/network/relay-port.js';

/** What the fake relay holds of a device: its prekeys, its mailbox, and its socket. */
export interface FakeDevice {
  readonly device: DeviceId;
  readonly registration: RegistrationId;
  readonly secret: string;
  readonly attempt: string;
  readonly createdAt: number;
  signed: PutPreKeysRequest['signedPreKey'];
  lastResort: PutPreKeysRequest['lastResortKemPreKey'];
  oneTime: PutPreKeysRequest['oneTimePreKeys'];
  kem: PutPreKeysRequest['kemPreKeys'];
  envelopes: Envelope[];
  /** `sender/envelope id` of everything ever stored. */
  readonly seen: Set<string>;
  head: number;
  acked: Cursor;
  /** The highest count of sealings that came with a submit. */
  sealings: number;
  socket: { handlers: SocketHandlers; sent: number; epoch: number; isCaughtUp: boolean } | null;
}

export interface FakeUser {
  readonly identityKey: string;
  list: SignedDeviceList | null;
  readonly linkTokens: Set<string>;
  /** `device.secret` of those that were removed: only they are told so. */
  readonly gone: Set<string>;
  readonly devices: Map<number, FakeDevice>;
}

/** One that has just been registered. */
export function newDevice(attempt: string, device: DeviceId, registration: RegistrationId): FakeDevice {
  return {
    device,
    registration,
    secret: toBase64Url(crypto.getRandomValues(new Uint8Array(32))),
    attempt,
    createdAt: Date.now(),
    signed: undefined,
    lastResort: undefined,
    oneTime: [],
    kem: [],
    envelopes: [],
    seen: new Set(),
    head: 0,
    acked: { seq: 0, id: null },
    sealings: 0,
    socket: null,
  };
}

export const preKeyCounts = (device: FakeDevice): PreKeyCounts => ({
  oneTime: device.oneTime.length,
  kem: device.kem.length,
});
