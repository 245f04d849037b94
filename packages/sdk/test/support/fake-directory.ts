import {
  decodeDeviceList,
  limits,
  putDeviceListRequest,
  putPreKeysRequest,
  bundlesRequest,
  registerRequest,
  toBase64Url,
  type Aci,
  type DeviceId,
  type PutPreKeysRequest,
  type RegistrationId,
  type SignedDeviceList,
} from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import type { RelayRequest } from '../../src/network/relay-port.js';
import { newDevice, preKeyCounts, type FakeDevice, type FakeUser } from './fake-device.js';
import { refusal, refuse } from './fake-refusal.js';

/** What is asked of the fake relay by HTTP: who has which devices, their lists and their prekeys. */
export class FakeDirectory {
  readonly #users: Map<Aci, FakeUser>;
  #listVersion = 0;
  #registration = 0;

  constructor(users: Map<Aci, FakeUser>) {
    this.#users = users;
  }

  /** Answers a request. */
  answer({ method, path, body, device: credentials }: RelayRequest, caller: Aci): unknown {
    const [, user] = /^\/v1\/users\/([^/]+)\//.exec(path) ?? [];
    if (path === '/v1/devices' && method === 'POST') return this.#register(caller, s.parse(registerRequest, body));
    const device = this.#authenticate(caller, credentials);
    switch (`${method} ${path.replace(user ?? ':', ':user')}`) {
      case 'PUT /v1/device-list':
        return this.#putList(caller, s.parse(putDeviceListRequest, body));
      case 'GET /v1/users/:user/device-list':
        return { user, ...this.#listOf(user as Aci) };
      case 'PUT /v1/prekeys':
        return this.#putPreKeys(device, s.parse(putPreKeysRequest, body));
      case 'POST /v1/users/:user/bundles':
        return this.#bundles(user as Aci, s.parse(bundlesRequest, body).devices);
      case 'POST /v1/link-tokens':
        return this.#linkToken(caller);
      case 'GET /v1/devices':
        return this.#devicesOf(caller);
      case 'DELETE /v1/devices/self':
        this.#users.get(caller)?.devices.delete(device.device);
        return { ok: true };
      default:
        throw refuse('not-found');
    }
  }

  #register(caller: Aci, request: s.Infer<typeof registerRequest>): unknown {
    let user = this.#users.get(caller);
    const attempt = toBase64Url(request.attempt);
    const known = [...(user?.devices.values() ?? [])].find((device) => device.attempt === attempt);
    if (user && user.devices.size > 0 && !known && !request.reset) {
      if (!request.linkToken) throw refuse('needs-device');
      if (!user.linkTokens.delete(toBase64Url(request.linkToken))) throw refuse('link-token-invalid');
      if (user.identityKey !== toBase64Url(request.identityKey)) throw refuse('identity-mismatch');
    }
    if (!user || (request.reset && !known)) {
      const gone = new Set([...(user?.devices.values() ?? [])].map(({ device, secret }) => `${device}.${secret}`));
      for (const device of user?.devices.values() ?? []) device.socket?.handlers.onClose(refusal('device-gone'));
      const identityKey = toBase64Url(request.identityKey);
      user = { identityKey, list: null, devices: new Map(), linkTokens: new Set(), gone };
      this.#users.set(caller, user);
    }
    const device = known ?? newDevice(attempt, lowestFree(user), ++this.#registration as RegistrationId);
    user.devices.set(device.device, device);
    return {
      user: caller,
      device: device.device,
      registration: device.registration,
      secret: device.secret,
      list: user.list && s.encode(putDeviceListRequest, user.list),
      nextListVersion: this.#listVersion + 1,
    };
  }

  #authenticate(caller: Aci, credentials = ''): FakeDevice {
    const [id, secret] = credentials.split('.');
    const user = this.#users.get(caller);
    const device = user?.devices.get(Number(id));
    if (user?.gone.has(credentials)) throw refuse('device-gone');
    if (device?.secret !== secret || !device) throw refuse('device-unknown');
    return device;
  }

  #putList(caller: Aci, list: SignedDeviceList): unknown {
    const user = this.#users.get(caller);
    const record = decodeDeviceList(list.record);
    const held = user?.list && decodeDeviceList(user.list.record);
    if (!user || !record || (held && record.version !== held.version + 1)) throw refuse('device-list-conflict');
    user.list = list;
    this.#listVersion = Math.max(this.#listVersion, record.version);
    for (const device of [...user.devices.values()]) {
      const named = record.devices.some((entry) => entry.device === device.device);
      const wasNamed = held?.devices.some((entry) => entry.device === device.device);
      if (named) device.socket?.handlers.onDeviceListChanged();
      if (!named && wasNamed) this.remove(user, device.device);
    }
    return { ok: true };
  }

  /** Removes a device, as a list without it does, or inactivity. */
  remove(user: FakeUser, id: DeviceId): void {
    const device = user.devices.get(id);
    if (!device) return;
    user.devices.delete(id);
    user.gone.add(`${id}.${device.secret}`);
    const { socket } = device;
    device.socket = null;
    socket?.handlers.onClose(refusal('device-gone'));
  }

  #linkToken(caller: Aci): unknown {
    const linkToken = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
    this.#users.get(caller)?.linkTokens.add(linkToken);
    return { linkToken, expiresInMs: 600_000 };
  }

  #devicesOf(caller: Aci): unknown {
    const user = this.#users.get(caller);
    const listed = user?.list && decodeDeviceList(user.list.record)?.devices;
    const devices = [...(user?.devices.values() ?? [])].map(({ device, registration, createdAt }) => ({
      device,
      registration,
      listed: listed?.some((entry) => entry.device === device && entry.registration === registration) ?? false,
      createdAt,
      lastSeenAt: Date.now(),
    }));
    return { devices };
  }

  #listOf(user: Aci): { identityKey: string; list: unknown } {
    const found = this.#users.get(user);
    if (!found?.list) throw refuse('user-unknown');
    return { identityKey: found.identityKey, list: s.encode(putDeviceListRequest, found.list) };
  }

  #putPreKeys(device: FakeDevice, keys: PutPreKeysRequest): unknown {
    device.signed = keys.signedPreKey ?? device.signed;
    device.lastResort = keys.lastResortKemPreKey ?? device.lastResort;
    device.oneTime = [...(keys.replace ? [] : device.oneTime), ...keys.oneTimePreKeys];
    device.kem = [...(keys.replace ? [] : device.kem), ...keys.kemPreKeys];
    return preKeyCounts(device);
  }

  #bundles(user: Aci, devices: readonly DeviceId[]): unknown {
    const encodeKey = (key: object): unknown =>
      Object.fromEntries(
        Object.entries(key).map(([name, value]) => [
          name,
          value instanceof Uint8Array ? toBase64Url(value) : (value as unknown),
        ]),
      );
    const bundles = devices.flatMap((id) => {
      const device = this.#users.get(user)?.devices.get(id);
      const kem = device?.kem.shift() ?? device?.lastResort;
      const oneTime = device?.oneTime.shift();
      if (!device?.signed || !kem) return [];
      tellIfLow(device);
      return [
        {
          device: id,
          registration: device.registration,
          signedPreKey: encodeKey(device.signed),
          kemPreKey: encodeKey(kem),
          oneTimePreKey: oneTime ? encodeKey(oneTime) : null,
        },
      ];
    });
    return { user, ...this.#listOf(user), bundles };
  }
}

/** As the real one does after each bundle that took a one-time key. */
function tellIfLow(device: FakeDevice): void {
  const counts = preKeyCounts(device);
  if (Math.min(counts.oneTime, counts.kem) >= limits.ONE_TIME_PREKEY_LOW) return;
  const { socket } = device;
  queueMicrotask(() => socket?.handlers.onPreKeysLow(counts));
}

function lowestFree(user: FakeUser): DeviceId {
  let id = 1;
  while (user.devices.has(id)) id++;
  return id as DeviceId;
}
