import type { AppId, DownEvent, DownMessage } from '@sotto/protocol';

import type { Login } from '../../src/auth/token-verifier.js';
import { aciOf } from '../../src/auth/user.js';
import { createRelayCore, localBus, memoryStore, type RelayCore, type RelayCoreOptions } from '../../src/index.js';
import type { Session } from '../../src/gateway/session.js';
import type { Store } from '../../src/store/store.js';
import { helloOf, random, someKey, type TestDevice } from './device.js';
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
    const signed = { record: Buffer.from(''), signature: random(64) };
    await inner.updateUser(login.app, registered.user, (state) => ({
      change: { list: { signed, version: 1 }, nextListVersion: 2, listed: state.devices.map(({ mailbox }) => mailbox) },
      result: undefined,
    }));
    return { ...registered, ...keys, app: login.app, name, url: '', token, listVersion: 1 };
  }

  async function open(device: TestDevice, at: { core: RelayCore; epoch?: number } = { core }): Promise<Guest> {
    const events: [DownEvent, unknown][] = [];
    const peer = { closed: false, behind: false };
    const session = at.core.open(await at.core.admit(helloOf(device, at)), {
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
    return open(await register(name, expiresAt));
  }
  return { core, store: inner, clock, advance, register, open, join, errors };
}
