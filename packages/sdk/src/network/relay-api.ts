import {
  bundlesRequest,
  bundlesResponse,
  deviceListResponse,
  devicesResponse,
  linkTokenResponse,
  okResponse,
  preKeyCounts,
  putDeviceListRequest,
  putPreKeysRequest,
  registerRequest,
  registerResponse,
  ROUTES,
  toBase64Url,
  type Aci,
  type BundlesResponse,
  type DeviceId,
  type DeviceListResponse,
  type DevicesResponse,
  type LinkTokenResponse,
  type PreKeyCounts,
  type PutPreKeysRequest,
  type RegisterRequest,
  type RegisterResponse,
  type SignedDeviceList,
} from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import { RelayError } from './relay-error.js';
import type { RelayPort } from './relay-port.js';

/** Who is asking: sent as `deviceId.secret` in a header. */
export interface DeviceCredentials {
  readonly device: DeviceId;
  readonly secret: Uint8Array;
}

/** The relay's HTTP routes, typed. Every method throws {@link RelayError}; answers of another shape count as `network`. */
export class RelayApi {
  readonly #relay: RelayPort;
  readonly #token: () => Promise<string>;

  constructor(relay: RelayPort, token: () => Promise<string>) {
    this.#relay = relay;
    this.#token = token;
  }

  register(request: RegisterRequest): Promise<RegisterResponse> {
    return this.#call(ROUTES.register, registerResponse, { body: s.encode(registerRequest, request) });
  }

  async putDeviceList(who: DeviceCredentials, list: SignedDeviceList): Promise<void> {
    await this.#call(ROUTES.putDeviceList, okResponse, { who, body: s.encode(putDeviceListRequest, list) });
  }

  /** This user's devices, as the relay has them. */
  getDevices(who: DeviceCredentials): Promise<DevicesResponse> {
    return this.#call(ROUTES.getDevices, devicesResponse, { who });
  }

  makeLinkToken(who: DeviceCredentials): Promise<LinkTokenResponse> {
    return this.#call(ROUTES.linkToken, linkTokenResponse, { who });
  }

  getDeviceList(who: DeviceCredentials, user: Aci): Promise<DeviceListResponse> {
    return this.#call(ROUTES.getDeviceList, deviceListResponse, { who, user });
  }

  putPreKeys(who: DeviceCredentials, keys: PutPreKeysRequest): Promise<PreKeyCounts> {
    return this.#call(ROUTES.putPreKeys, preKeyCounts, { who, body: s.encode(putPreKeysRequest, keys) });
  }

  bundles(who: DeviceCredentials, user: Aci, devices: DeviceId[]): Promise<BundlesResponse> {
    return this.#call(ROUTES.bundles, bundlesResponse, { who, user, body: s.encode(bundlesRequest, { devices }) });
  }

  async removeSelf(who: DeviceCredentials): Promise<void> {
    await this.#call(ROUTES.removeSelf, okResponse, { who });
  }

  async #call<S extends s.Schema<unknown>>(
    route: { method: 'GET' | 'POST' | 'PUT' | 'DELETE'; path: string },
    response: S,
    { who, user, body }: { who?: DeviceCredentials; user?: Aci; body?: unknown },
  ): Promise<s.Infer<S>> {
    const answer = await this.#relay.request({
      method: route.method,
      path: user === undefined ? route.path : route.path.replace(':user', user),
      token: await this.#token(),
      ...(body === undefined ? {} : { body }),
      ...(who === undefined ? {} : { device: `${who.device}.${toBase64Url(who.secret)}` }),
    });
    const parsed = s.safeParse(response, answer);
    if (!parsed.success) throw new RelayError(null, { cause: new s.SchemaError(parsed.issue) });
    return parsed.data;
  }
}
