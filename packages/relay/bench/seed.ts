import { createHash } from 'node:crypto';

import { PROTOCOL_VERSION, toBase64Url } from '@sotto/protocol';
import pg from 'pg';

import { aciOf } from '../src/auth/user.js';
import { mailboxId } from '../src/mailbox/mailbox-id.js';
import { mintToken } from '../src/token.js';
import { TEST_APP } from '../test/support/device.js';
import type { Login } from './load/party.js';

const ROWS = 5_000;

/**
 * Devices written straight into the database: a hundred thousand registrations over HTTP would take an hour. They
 * connect as any other does.
 */
export async function seedDevices(database: string, count: number, urlOf: (index: number) => string): Promise<Login[]> {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const logins: Login[] = [];
  try {
    while (logins.length < count) {
      const size = Math.min(ROWS, count - logins.length);
      const devices = await Promise.all(
        Array.from({ length: size }, (_, index) => newDevice(logins.length + index, urlOf)),
      );
      await insert(client, devices);
      logins.push(...devices.map(({ login }) => login));
    }
    await client.query('ANALYZE');
  } finally {
    await client.end();
  }
  return logins;
}

async function newDevice(index: number, urlOf: (index: number) => string) {
  const name = `idle-${index}`;
  const account = aciOf(TEST_APP.id, name);
  const secret = createHash('sha256').update(name).digest();
  const address = { user: account, device: 1, registration: 1 } as Parameters<typeof mailboxId>[1];
  const token = await mintToken({ app: TEST_APP.id, key: TEST_APP.secret, user: name, expiresIn: 24 * 3600 });
  const hello = {
    protocol: PROTOCOL_VERSION,
    token,
    device: 1,
    registration: 1,
    secret: toBase64Url(secret),
    epoch: 1,
    cursor: { seq: 0, id: null },
    sealings: 0,
  };
  const secretHash = createHash('sha256').update(secret).digest();
  return { account, mailbox: mailboxId(TEST_APP.id, address), secretHash, login: { url: urlOf(index), hello } };
}

async function insert(client: pg.Client, devices: Awaited<ReturnType<typeof newDevice>>[]): Promise<void> {
  const accounts = devices.map(({ account }) => account);
  const mailboxes = devices.map(({ mailbox }) => mailbox);
  const key = Buffer.alloc(33, 5);
  const keys = [TEST_APP.id, accounts, mailboxes];
  await client.query('INSERT INTO users (account, app, identity_key) SELECT a, $1, $3 FROM unnest($2::uuid[]) AS a', [
    TEST_APP.id,
    accounts,
    key,
  ]);
  await client.query(
    `INSERT INTO devices (account, mailbox, app, device, registration, secret_hash, attempt_hash, listed, created_at)
     SELECT d.account, d.mailbox, $1, 1, 1, d.hash, d.hash, true, 0
     FROM unnest($2::uuid[], $3::uuid[], $4::bytea[]) AS d(account, mailbox, hash)`,
    [...keys, devices.map(({ secretHash }) => secretHash)],
  );
  await client.query(
    `INSERT INTO mailboxes (mailbox, app, account, device, registration, listed)
     SELECT d.mailbox, $1, d.account, 1, 1, true FROM unnest($2::uuid[], $3::uuid[]) AS d(account, mailbox)`,
    keys,
  );
}
