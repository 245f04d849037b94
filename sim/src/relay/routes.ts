import {
  aci,
  bundlesRequest,
  bundlesResponse,
  deviceListResponse,
  devicesResponse,
  deviceId,
  deviceSecret,
  linkTokenResponse,
  putDeviceListRequest,
  putPreKeysRequest,
  registerRequest,
  registerResponse,
  ROUTES,
  type Aci,
} from '@sotto/protocol';
import { RelayError, type RelayCore } from '@sotto/relay';
import type { RelayRequest } from '@sotto/sdk/testing';
import * as s from '@sotto/protocol/schema';

const USER = /^\/v1\/users\/([^/]+)\//;

/** The relay's HTTP routes in front of the real core, without HTTP: parsing, authentication and the directory are real. */
export async function answer(core: RelayCore, request: RelayRequest): Promise<unknown> {
  const login = await core.verifier.verify(request.token);
  const [, user] = USER.exec(request.path) ?? [];
  const route = `${request.method} ${user === undefined ? request.path : request.path.replace(user, ':user')}`;
  if (route === nameOf(ROUTES.register)) {
    return s.encode(registerResponse, await core.directory.register(login, parse(registerRequest, request.body)));
  }
  const caller = await core.directory.authenticate(login, claimOf(request));
  switch (route) {
    case nameOf(ROUTES.getDevices):
      return s.encode(devicesResponse, await core.directory.devices(caller));
    case nameOf(ROUTES.putDeviceList):
      await core.directory.putDeviceList(caller, parse(putDeviceListRequest, request.body));
      return { ok: true };
    case nameOf(ROUTES.getDeviceList):
      return s.encode(deviceListResponse, await core.directory.getDeviceList(login.app, userOf(user)));
    case nameOf(ROUTES.linkToken):
      return s.encode(linkTokenResponse, await core.directory.makeLinkToken(caller));
    case nameOf(ROUTES.putPreKeys):
      return core.directory.putPreKeys(caller, parse(putPreKeysRequest, request.body));
    case nameOf(ROUTES.bundles): {
      const { devices } = parse(bundlesRequest, request.body);
      return s.encode(bundlesResponse, await core.directory.bundles(caller, userOf(user), devices));
    }
    case nameOf(ROUTES.removeSelf):
      await core.directory.removeSelf(caller);
      return { ok: true };
    default:
      throw new RelayError('not-found');
  }
}

const nameOf = ({ method, path }: { method: string; path: string }): string => `${method} ${path}`;

function parse<S extends s.Schema<unknown>>(schema: S, body: unknown): s.Infer<S> {
  const parsed = s.safeParse(schema, body);
  if (!parsed.success) throw new RelayError('bad-request');
  return parsed.data;
}

function userOf(user: string | undefined): Aci {
  return parse(aci, user);
}

function claimOf({ device = '' }: RelayRequest) {
  const [id, secret] = device.split('.');
  const claim = s.safeParse(s.object({ device: deviceId, secret: deviceSecret }), { device: Number(id), secret });
  if (!claim.success) throw new RelayError('device-unknown');
  return claim.data;
}
