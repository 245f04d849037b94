import { randomBytes } from 'node:crypto';

import type { Aci, AppId } from '@sotto/protocol';

import { isMigrated, migrate } from '../../migrations/migrate.js';
import type { MailboxId } from '../../mailbox/mailbox-id.js';
import type { Inspection, Store, StoredList } from '../store.js';
import { inactiveUsers, noteSeen, noteWarned, quietDevices } from './activity-sql.js';
import { sqlApps } from './app-sql.js';
import { uuidArray } from './binary-array.js';
import type { Sql } from './driver.js';
import { sqlMailboxes, toEnvelope, type EnvelopeRow } from './mailbox-sql.js';
import { countPreKeys, putPreKeys, takeBundle } from './prekey-sql.js';
import { sweep } from './sweep-sql.js';
import { loadUser, lockUser, writeChange } from './user-sql.js';

interface ListRow {
  account: Aci;
  record: Uint8Array;
  signature: Uint8Array;
  version: number;
  /** Null when there is none. */
  living: StoredList['living'] | null;
}

/** The one SQL implementation of {@link Store}. Migrates the schema before it answers. */
export async function openSqlStore(sql: Sql): Promise<Store> {
  await migrate(sql.patient);
  return {
    ...sqlMailboxes(sql),
    user: (app, user) => loadUser(sql, app, user),

    async lists(app, users) {
      const rows = await sql.query<ListRow>(
        `SELECT account, list_record AS record, list_signature AS signature, list_version AS version,
           (SELECT json_agg(json_build_object('device', d.device, 'registration', d.registration)) FROM devices d
            WHERE d.app = $1 AND d.account = u.account AND d.listed) AS living
         FROM users u WHERE u.app = $1 AND u.account = ANY($2::uuid[]) AND u.list_record IS NOT NULL`,
        [app, uuidArray(users)],
      );
      return new Map(
        rows.map(({ account, record, signature, version, living }) => [
          account,
          { version, signed: { record, signature }, living: living ?? [] },
        ]),
      );
    },

    seen: (app, devices, day) => noteSeen(sql, app, devices, day),
    quiet: (app, users, before) => quietDevices(sql, app, users, before),
    warned: (warning, limit, apps = {}) => noteWarned(sql.patient, warning, limit, apps),
    inactive: (silence, limit, apps = {}) => inactiveUsers(sql.patient, silence, limit, apps),

    updateUser: (app, user, decide) =>
      sql.transaction(async (transaction) => {
        const { change, result } = decide(await lockUser(transaction, app, user));
        if (change) await writeChange(transaction, app, user, change);
        return result;
      }),

    putPreKeys: (app, mailbox, upload) =>
      sql.transaction((transaction) => putPreKeys(transaction, app, mailbox, upload)),
    takeBundle: (app, mailbox, options) =>
      sql.transaction((transaction) => takeBundle(transaction, app, mailbox, options)),
    preKeyCounts: (app, mailbox) => countPreKeys(sql, app, mailbox),

    apps: sqlApps(sql),
    relayKey: () => relayKey(sql),
    sweep: (policy) => sweep(sql.patient, policy),
    inspect: (app) => inspect(sql, app),
    async time() {
      const [row] = await sql.query<{ now: number }>(
        'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now',
      );
      return row?.now ?? NaN;
    },
    migrated: () => isMigrated(sql),
    async held() {
      const [row] = await sql.patient.query<{ held: number }>(
        'SELECT coalesce(sum(held), 0)::bigint AS held FROM mailboxes',
      );
      return row?.held ?? 0;
    },
    ...(sql.onMoved && { onMoved: sql.onMoved }),
    close: () => sql.close(),
  };
}

async function relayKey(sql: Sql): Promise<Uint8Array> {
  await sql.query("INSERT INTO settings (name, value) VALUES ('relay-key', $1) ON CONFLICT DO NOTHING", [
    randomBytes(32),
  ]);
  const [row] = await sql.query<{ value: Uint8Array }>("SELECT value FROM settings WHERE name = 'relay-key'");
  if (!row) throw new Error('The relay key could not be stored.');
  return row.value;
}

async function inspect(sql: Sql, app: AppId): Promise<Inspection> {
  type Address = Pick<Inspection['devices'][number], 'user' | 'device' | 'registration'>;
  const devices = await sql.query<
    Address & { mailbox: MailboxId; identity_key: Uint8Array; one_time: number; kem: number }
  >(
    `SELECT d.account AS "user", d.device, d.registration, d.mailbox, u.identity_key,
       (SELECT count(*)::int FROM prekeys p WHERE p.app = $1 AND p.mailbox = d.mailbox AND p.kind = 0) AS one_time,
       (SELECT count(*)::int FROM prekeys p WHERE p.app = $1 AND p.mailbox = d.mailbox AND p.kind = 1) AS kem
     FROM devices d JOIN users u ON u.app = $1 AND u.account = d.account
     WHERE d.app = $1 AND d.removed_at IS NULL AND u.identity_key IS NOT NULL ORDER BY d.created_at`,
    [app],
  );
  const envelopes = await sql.query<
    EnvelopeRow & { user: Aci } & { box_device: Address['device']; box_registration: Address['registration'] }
  >(
    `SELECT m.account AS "user", m.device AS box_device, m.registration AS box_registration,
       e.seq, e.id, e.sender, e.sender_device, e.sender_registration, e.at, e.payload
     FROM envelopes e JOIN mailboxes m ON m.app = $1 AND m.mailbox = e.mailbox
     WHERE e.app = $1 ORDER BY e.at, e.mailbox, e.seq`,
    [app],
  );
  return {
    devices: devices.map((row) => ({
      user: row.user,
      device: row.device,
      registration: row.registration,
      mailbox: row.mailbox,
      identityKey: row.identity_key,
      preKeys: { oneTime: row.one_time, kem: row.kem },
    })),
    envelopes: envelopes.map((row) => ({
      mailbox: { user: row.user, device: row.box_device, registration: row.box_registration },
      envelope: toEnvelope(row),
    })),
  };
}
