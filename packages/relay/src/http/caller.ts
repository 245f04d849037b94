import { deviceId, deviceSecret, DEVICE_HEADER, VERSION_HEADER } from '@sotto/protocol';
import type { Request } from 'express';
import * as s from '@sotto/protocol/schema';

import type { AppRegistry } from '../apps/app-registry.js';
import type { Login } from '../auth/token-verifier.js';
import type { RelayCore } from '../core.js';
import type { Caller } from '../directory/directory.js';
import type { DeviceClaim } from '../directory/authenticate.js';
import { RelayError } from '../errors.js';
import { checkVersion } from '../gateway/parse.js';
import type { Proven } from '../observer.js';
import type { AddressRules } from '../ops/address-list.js';
import { clientAddress, type TrustedProxies } from '../ops/client-address.js';

/** `deviceId.secret` */
const DEVICE_CLAIM = /^([1-9][0-9]{0,2})\.([A-Za-z0-9_-]{43})$/;

/** What the doors of the directory need. */
export interface Door {
  core: RelayCore;
  apps: AppRegistry;
  /** Proxies of the operator in front of the relay, whose `x-forwarded-for` is believed. */
  trustedProxies: TrustedProxies;
  /** Who may use the relay at all. */
  addresses: AddressRules;
}

/** Who has proven what, for as long as the request lives. */
const proven = new WeakMap<Request, Proven>();

/** Null: nobody has shown a token that is good. */
export const provenOf = (request: Request): Proven | null => proven.get(request) ?? null;

/** Who calls: a token for every route, from a website that the app allows. */
export async function loginOf(request: Request, { core, apps }: Door): Promise<Login> {
  const version = request.get(VERSION_HEADER);
  if (version !== undefined) {
    if (!/^[0-9]{1,6}$/.test(version)) throw new RelayError('bad-request', `${VERSION_HEADER}: not a version`);
    checkVersion(Number(version));
  }
  const login = await core.verifier.verify(bearerToken(request));
  const { app, user } = login;
  proven.set(request, { app, user });
  await core.limit({ app, limit: 'requestsPerUser', key: `${app}/${user}` });
  if (!isSameOrigin(request) && !apps.allowsOrigin(app, request.get('origin'))) {
    throw new RelayError('origin-refused', undefined, { app });
  }
  return login;
}

/** A token *and* a device secret: for every route but registration. */
export async function callerOf(request: Request, door: Door): Promise<Caller> {
  const login = await loginOf(request, door);
  const caller = await door.core.directory.authenticate(login, deviceClaim(request));
  proven.set(request, { app: login.app, user: login.user, device: caller.device.device });
  return { ...caller, ip: clientAddress(request, door.trustedProxies) };
}

function bearerToken(request: Request): string {
  const [, token] = /^Bearer ([^\s]+)$/i.exec(request.get('authorization') ?? '') ?? [];
  if (token === undefined) throw new RelayError('token-missing');
  return token;
}

function deviceClaim(request: Request): DeviceClaim {
  const [, device, secret] = DEVICE_CLAIM.exec(request.get(DEVICE_HEADER) ?? '') ?? [];
  const claim = s.safeParse(s.object({ device: deviceId, secret: deviceSecret }), { device: Number(device), secret });
  if (!claim.success) throw new RelayError('device-unknown', `The header ${DEVICE_HEADER} is missing or malformed.`);
  return claim.data;
}

/** A page that the relay serves itself (`--static`) also sends an origin: its own. */
function isSameOrigin(request: Request): boolean {
  return request.get('origin') === `${request.protocol}://${request.get('host') ?? ''}`;
}
