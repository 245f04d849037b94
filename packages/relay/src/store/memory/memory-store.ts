import type { Aci, AppId } from '@sotto/protocol';

import { decideInactive } from '../../directory/inactivity.js';
import { equalBytes } from '../../directory/bytes.js';
import type { MailboxId } from '../../mailbox/mailbox-id.js';
import { systemRandom, type Random } from '../../platform.js';
import type {
  AppScope,
  DeviceRecord,
  DirectoryStore,
  MailboxHead,
  MailboxState,
  MailboxStore,
  Store,
  StoredList,
  UserChange,
  UserState,
  Warning,
} from '../store.js';
import { emptyUser } from '../user-state.js';
import { memoryApps } from './memory-apps.js';
import { MemoryMailboxes } from './memory-mailboxes.js';
import { MemoryPreKeys } from './memory-prekeys.js';

interface Tables {
  users: Map<string, UserState>;
  resetExpiry: Map<string, number>;
  mailboxes: MemoryMailboxes;
  preKeys: Map<string, MemoryPreKeys>;
}

/**
 * {@link Store} in memory, for tests and simulation: every call is one step that nothing interrupts, no timers, no
 * other randomness than what is passed in.
 */
export function memoryStore(random: Random = systemRandom): Store {
  const tables: Tables = {
    users: new Map(),
    resetExpiry: new Map(),
    mailboxes: new MemoryMailboxes(),
    preKeys: new Map(),
  };
  const key = random(32);
  return {
    ...mailboxes(tables),
    ...directory(tables),
    apps: memoryApps((app) => purge(tables, app)),
    relayKey: () => Promise.resolve(key),

    async sweep(policy) {
      for (const [name, state] of tables.users) {
        tables.users.set(name, {
          ...state,
          linkTokens: state.linkTokens.filter(({ expiresAt }) => expiresAt >= policy.now),
          resets: state.resets.filter((hash) => (tables.resetExpiry.get(hexOf(hash)) ?? 0) >= policy.now),
        });
      }
      return Promise.resolve({ expired: tables.mailboxes.sweep(policy) });
    },

    warned: async (warning, limit, apps = {}) => Promise.resolve(warn(tables, warning, limit, apps)),

    inactive: async (silence, limit, apps = {}) =>
      Promise.resolve(
        [...tables.users]
          .filter(([name]) => isIn(apps, name))
          .filter(([, state]) => decideInactive(state, silence, 0).change !== null)
          .slice(0, limit)
          .map(([name]) => {
            const [app = '', user = ''] = name.split('/');
            return { app: app as AppId, user: user as Aci };
          }),
      ),

    async inspect(app) {
      const devices = [...tables.users].flatMap(([name, { identityKey, devices: all }]) => {
        const user = userIn(app, name);
        if (user === null || !identityKey) return [];
        return all
          .filter(({ removedAt }) => removedAt === null)
          .map(({ device, registration, mailbox }) => {
            const preKeys = tables.preKeys.get(mailbox)?.counts() ?? { oneTime: 0, kem: 0 };
            return { user, device, registration, mailbox, identityKey, preKeys };
          });
      });
      return Promise.resolve({ devices, envelopes: [...tables.mailboxes.all(app)] });
    },

    time: () => Promise.resolve(Date.now()),
    migrated: () => Promise.resolve(true),
    held: () => Promise.resolve(tables.mailboxes.held()),
    close: () => Promise.resolve(),
  };
}

function warn({ users }: Tables, { before, day }: Warning, limit: number, apps: AppScope): number {
  let noted = 0;
  for (const [name, state] of users) {
    if (!isIn(apps, name)) continue;
    const devices = state.devices.map((device) => {
      const { seenDay, warnedDay, removedAt } = device;
      const isNew = removedAt === null && seenDay < before && (warnedDay === null || warnedDay <= seenDay);
      if (!isNew || noted === limit) return device;
      noted++;
      return { ...device, warnedDay: day };
    });
    users.set(name, { ...state, devices });
  }
  return noted;
}

function purge({ users, preKeys, mailboxes: boxes }: Tables, app: AppId): number {
  const gone = boxes.of(app);
  for (const mailbox of gone) {
    boxes.remove(mailbox);
    preKeys.delete(mailbox);
  }
  const names = [...users.keys()].filter((name) => userIn(app, name) !== null);
  for (const name of names) users.delete(name);
  return gone.length + names.length;
}

function mailboxes({ users, mailboxes: boxes }: Tables): MailboxStore {
  return {
    depth: 2,
    submit: async (app, batch) =>
      Promise.resolve(boxes.submit(app, batch, (user) => users.get(nameOf(app, user))?.listVersion ?? 0)),
    ack: async (app, items) => Promise.resolve(items.map((item) => boxes.ack(app, item))),
    mailbox: async (app, mailbox) => Promise.resolve(boxes.state(app, mailbox)),
    envelopeIdAt: async (app, mailbox, seq) => Promise.resolve(boxes.idAt(app, mailbox, seq)),
    read: async (app, mailbox, after, limit) => Promise.resolve(boxes.read(app, mailbox, after, limit)),
    heads: async (app, wanted) =>
      Promise.resolve(
        new Map(
          wanted.flatMap((mailbox): [MailboxId, MailboxHead][] => {
            const state = boxes.state(app, mailbox);
            return state ? [[mailbox, { head: state.head, list: listOf(users, app, state, mailbox) }]] : [];
          }),
        ),
      ),
  };
}

function listOf(users: Tables['users'], app: AppId, { address }: MailboxState, mailbox: MailboxId): number {
  const user = users.get(nameOf(app, address.user));
  const isListed = user?.devices.some((device) => device.mailbox === mailbox && device.listed) ?? false;
  return user && isListed ? user.listVersion : 0;
}

function directory(tables: Tables): DirectoryStore {
  const { users, preKeys } = tables;
  return {
    user: async (app, user) => Promise.resolve(users.get(nameOf(app, user)) ?? null),

    lists: async (app, wanted) =>
      Promise.resolve(
        new Map(
          wanted.flatMap((user): [Aci, StoredList][] => {
            const state = users.get(nameOf(app, user));
            if (!state?.list) return [];
            return [[user, { version: state.listVersion, signed: state.list, living: livingOf(state) }]];
          }),
        ),
      ),

    async seen(app, devices, day) {
      for (const { user, mailbox } of devices) {
        const state = users.get(nameOf(app, user));
        if (state) users.set(nameOf(app, user), { ...state, devices: seenAt(state.devices, { mailbox, day }) });
      }
      return Promise.resolve();
    },

    quiet: async (app, wanted, before) =>
      Promise.resolve(
        wanted.flatMap((user) =>
          (users.get(nameOf(app, user))?.devices ?? [])
            .filter(({ listed, removedAt, seenDay }) => listed && removedAt === null && seenDay < before)
            .map((device) => ({ ...device, user })),
        ),
      ),

    async updateUser(app, user, decide) {
      await Promise.resolve();
      const name = nameOf(app, user);
      const state = users.get(name) ?? emptyUser;
      const { change, result } = decide(state);
      users.set(name, change ? applied(tables, app, user, state, change) : state);
      return result;
    },

    async putPreKeys(app, mailbox, upload) {
      if (!tables.mailboxes.state(app, mailbox)) return Promise.resolve(null);
      const own = preKeys.get(mailbox) ?? new MemoryPreKeys();
      preKeys.set(mailbox, own);
      return Promise.resolve(own.put(upload));
    },

    async takeBundle(app, mailbox, { oneTime }) {
      if (!tables.mailboxes.state(app, mailbox)) return Promise.resolve(null);
      return Promise.resolve(preKeys.get(mailbox)?.take(oneTime) ?? null);
    },

    async preKeyCounts(app, mailbox) {
      const isThere = tables.mailboxes.state(app, mailbox) !== null;
      return Promise.resolve((isThere ? preKeys.get(mailbox)?.counts() : undefined) ?? { oneTime: 0, kem: 0 });
    },
  };
}

function applied(tables: Tables, app: AppId, user: Aci, state: UserState, change: UserChange): UserState {
  const { remove, add, listed = [], list, addLinkToken, useLinkToken, useReset } = change;
  const gone = remove?.mailboxes ?? [];
  for (const mailbox of gone) {
    tables.mailboxes.remove(mailbox);
    tables.preKeys.delete(mailbox);
  }
  if (add) {
    const { device, registration } = add;
    tables.mailboxes.add(app, add.mailbox, { user, device, registration });
  }
  for (const mailbox of listed) tables.mailboxes.list(mailbox);
  if (useReset) tables.resetExpiry.set(hexOf(useReset.hash), useReset.expiresAt);

  const devices = [...state.devices, ...(add ? [add] : [])].map((device) => {
    if (remove && device.removedAt === null && gone.includes(device.mailbox)) {
      return { ...device, listed: false, removedAt: remove.at };
    }
    return listed.includes(device.mailbox) ? { ...device, listed: true } : device;
  });
  const linkTokens = state.linkTokens.filter(({ hash }) => !useLinkToken || !equalBytes(hash, useLinkToken));
  return {
    devices: change.seen ? seenAt(devices, change.seen) : devices,
    identityKey: change.identityKey ?? state.identityKey,
    list: list === undefined ? state.list : (list?.signed ?? null),
    listVersion: list === undefined ? state.listVersion : (list?.version ?? 0),
    nextListVersion: change.nextListVersion ?? state.nextListVersion,
    linkTokens: addLinkToken ? [...linkTokens, addLinkToken] : linkTokens,
    resets: useReset ? [...state.resets, useReset.hash] : state.resets,
  };
}

function livingOf({ devices }: UserState): StoredList['living'] {
  return devices.flatMap(({ device, registration, listed }) => (listed ? [{ device, registration }] : []));
}

function seenAt(devices: DeviceRecord[], { mailbox, day }: { mailbox: MailboxId; day: number }): DeviceRecord[] {
  return devices.map((device) =>
    device.mailbox === mailbox && device.removedAt === null && device.seenDay < day
      ? { ...device, seenDay: day }
      : device,
  );
}

function nameOf(app: AppId, user: Aci): string {
  return `${app}/${user}`;
}

/** App ids hold no slash. */
function userIn(app: AppId, name: string): Aci | null {
  return name.startsWith(`${app}/`) ? (name.slice(app.length + 1) as Aci) : null;
}

function isIn({ only, except = [] }: AppScope, name: string): boolean {
  return (only === undefined || userIn(only, name) !== null) && !except.some((app) => userIn(app, name) !== null);
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
