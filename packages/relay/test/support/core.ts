import { putDeviceListRequest, type AppId, type Cursor, type DownEvent, type DownMessage } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import type { Login } from '../../src/auth/token-verifier.js';
import { aciOf } from '../../src/auth/user.js';
import { createRelayCore, localBus, memoryStore, type RelayCore, type RelayCoreOptions } from '../../src/index.js';
import type { Session } from '../../src/gateway/session.js';
import type { Store } from '../../src/store/store.js';
import type { Caller } from '../../src/directory/directory.js';
import { helloOf, listBody, random, someKey, type TestDevice } from './device.js';
import { handClock } from './hand-clock.js';

export const APP = 'acme' as AppId;

/** Tokens of the form `user@expiry`, or `app/user@expiry`: no signature, and nothing leaves the event loop. */
export const plainVerifier = {
  verify(token: string): Promise<Login> {
    const [name = '', expiry = ''] = token.split('@');
    const [user = '', named = APP] = name.split('/').reverse();
    const app = named as AppId;
    return Promise.resolve({ app, user: aciOf(app, user), expiresAt: Number(expiry) });
  },
};

/** A device on a core, and what it was sent. */
export interface Guest {
  device: TestDevice;
  session: Session;
  events: [DownEvent, unknown][];
  peer: { closed: boolean; behind: boolean };
  all<E extends DownEvent>(event: E): DownMessage<E>[];
}

/** Lets promises and microtasks run. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A core on a memory store with a clock of its own. */
export async function coreWorld(
  options: Partial<RelayCoreOptions> & { changes?: (store: Store) => Partial<Store> } = {},
) {
  const { changes = () => ({}), ...rest } = options;
  const { clock, advance } = handClock();
  const inner = rest.store ?? memoryStore();
  const errors: unknown[] = [];
  const settings = { bus: localBus(), verifier: plainVerifier, clock, onError: (error: unknown) => errors.push(error) };
  const core = await createRelayCore({ ...settings, ...rest, store: { ...inner, ...changes(inner) } });

  /** Registers a user's first device, listed. `name` may be `app/user`. */
  async function register(name: string, expiresAt = clock.now() + 3_600_000): Promise<TestDevice> {
    const token = `${name}@${expiresAt}`;
    const login = await plainVerifier.verify(token);
    const keys = { identityKey: someKey() as Uint8Array<ArrayBuffer>, attempt: random(32) as Uint8Array<ArrayBuffer> };
    const registered = await core.directory.register(login, keys);
    const device = {
      ...registered,
      ...keys,
      app: login.app,
      name,
      url: '',
      token,
      listVersion: registered.nextListVersion - 1,
    };
    await publish(device, [device]);
    return device;
  }

  /** A further device of the owner's user, listed. */
  async function link(owner: TestDevice, others: TestDevice[] = []): Promise<TestDevice> {
    const { linkToken } = await core.directory.makeLinkToken(await callerOf(owner));
    const keys = {
      identityKey: owner.identityKey as Uint8Array<ArrayBuffer>,
      attempt: random(32) as Uint8Array<ArrayBuffer>,
    };
    const login = await plainVerifier.verify(owner.token);
    const registered = await core.directory.register(login, {
      ...keys,
      linkToken: linkToken,
    });
    const device = { ...owner, ...registered, ...keys };
    await publish(owner, [owner, ...others, device]);
    return device;
  }

  /** Publishes the next list as `owner`, and notes its version in all of them. */
  async function publish(owner: TestDevice, devices: TestDevice[]): Promise<void> {
    const version = owner.listVersion + 1;
    const { record, signature } = s.parse(putDeviceListRequest, listBody(owner, version, devices));
    await core.directory.putDeviceList(await callerOf(owner), { record, signature });
    for (const device of new Set([owner, ...devices])) device.listVersion = version;
  }

  /** Whatever the token says of its time. */
  async function callerOf(device: TestDevice): Promise<Caller> {
    const claim = { ...device, secret: device.secret };
    return core.directory.authenticate(await plainVerifier.verify(device.token), claim);
  }

  /** A socket of the device, with a token that is good for an hour. */
  async function open(
    device: TestDevice,
    at: { core?: RelayCore; epoch?: number; token?: string; cursor?: Cursor } = {},
  ): Promise<Guest> {
    const events: [DownEvent, unknown][] = [];
    const peer = { closed: false, behind: false };
    const { core: node = core, token = `${device.name}@${clock.now() + 3_600_000}` } = at;
    const session = node.open(await node.admit(helloOf({ ...device, token }, at)), {
      emit: (event, message) => events.push([event, message]),
      close: () => (peer.closed = true),
      isBehind: () => peer.behind,
    });
    await settle();
    const all = <E extends DownEvent>(wanted: E) =>
      events.flatMap(([event, message]) => (event === wanted ? [message as DownMessage<E>] : []));
    return { device, session, events, peer, all };
  }

  async function join(name: string, expiresAt?: number): Promise<Guest> {
    const device = await register(name, expiresAt);
    return open(device, { core, token: device.token });
  }
  return { core, store: inner, clock, advance, register, link, publish, callerOf, open, join, errors };
}
