import type { AppId } from '@sotto/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { adminClient } from '../../src/admin/admin-client.js';
import { newAdminToken } from '../../src/admin/admin-tokens.js';
import type { AppAdmin } from '../../src/apps/app-admin.js';
import { runAppCommand } from '../../src/cli/app-command.js';
import type { CliError } from '../../src/cli/cli-error.js';
import type { Relay } from '../../src/index.js';
import { codeOf, connect, http, messageTo, newUser, tokenFor, tryRegister } from '../support/device.js';
import { startPostgres, type PostgresServer } from '../support/postgres.js';
import { startRedis, type RedisServer } from '../support/redis.js';
import { testRelay } from '../support/relay.js';
import { eventually } from '../support/servers.js';

const { token, hash } = newAdminToken();
const adminTokens = [{ name: 'root', hash }];

let postgres: PostgresServer;
let redis: RedisServer;
let databaseUrl: string;
let north: Relay;
let south: Relay;
let admin: AppAdmin;
let count = 0;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startPostgres({ fsync: false }), startRedis()]);
  databaseUrl = await postgres.newDatabase();
  const config = { databaseUrl, redisUrl: redis.url, adminTokens, adminPort: 0, apps: [] };
  [north, south] = await Promise.all([testRelay(config), testRelay(config)]);
  admin = adminClient({ url: north.adminUrl ?? '', token });
});

afterAll(async () => {
  await Promise.all([north.close(), south.close()]);
  await Promise.all([postgres.remove(), redis.remove()]);
});

const newId = () => `shop-${++count}` as AppId;

async function newApp(settings: object = {}): Promise<{ id: AppId; secret: string }> {
  const { app, secret = '' } = await admin.create({ id: newId(), ...settings });
  return { id: app.id, secret };
}

/** The other node has heard of it when it lets the app's users register. */
const userAt = (relay: Relay, name: string, app: { id: AppId; secret: string }) =>
  eventually('the app on the other node', () => newUser(relay.url, name, { app }));

describe('an app that is made through one node', () => {
  test('works on the other; suspended, its sockets on both are closed and its users shut out; resumed, they are back', async () => {
    const app = await newApp();
    const [alice, bob] = [await userAt(north, 'alice', app), await userAt(south, 'bob', app)];
    const sockets = await Promise.all([connect(alice), connect(bob)]);
    await Promise.all(sockets.map((socket) => socket.next('drained')));
    await admin.suspend(app.id);
    for (const socket of sockets) expect(await socket.next('bye')).toMatchObject({ code: 'app-suspended' });
    await expect(connect(bob)).rejects.toThrow('app-suspended');
    expect(codeOf(await tryRegister(south.url, 'carol', { token: alice.token }))).toBe('app-suspended');
    await admin.resume(app.id);
    const back = await eventually('bob is back', () => connect(bob, { epoch: 2 }));
    await back.next('drained');
    back.close();
  });

  test('deleted: sockets are closed, and all that belongs to it goes by itself, while the nodes run', async () => {
    const app = await newApp();
    const other = await newApp();
    const [alice, bob] = [await userAt(north, 'alice', app), await userAt(south, 'bob', app)];
    const carol = await userAt(north, 'carol', other);
    const socket = await connect(alice);
    await socket.submit(messageTo(bob));
    await admin.remove(app.id);
    expect(await socket.next('bye')).toMatchObject({ code: 'app-unknown' });
    await eventually(
      'the data is gone',
      async () => {
        const { default: pg } = await import('pg');
        const client = new pg.Client({ connectionString: databaseUrl });
        await client.connect();
        const { rows } = await client
          .query<{ left: number }>(
            `SELECT (SELECT count(*) FROM users WHERE app = $1)::int + (SELECT count(*) FROM envelopes WHERE app = $1)::int
               + (SELECT count(*) FROM mailboxes WHERE app = $1)::int AS left`,
            [app.id],
          )
          .finally(() => client.end());
        expect(rows).toEqual([{ left: 0 }]);
      },
      30_000,
    );
    await connect(carol);
  });

  test('has its own limits, retention and quota', async () => {
    const app = await newApp({
      retentionDays: 3,
      quota: { envelopes: 20 },
      limits: { connectionsPerUser: { points: 2, seconds: 3600 } },
    });
    const [alice, bob] = [await userAt(north, 'alice', app), await userAt(north, 'bob', app)];
    const socket = await connect(alice);
    expect(await socket.welcome()).toMatchObject({ retentionSeconds: 3 * 86_400 });
    // One sender gets a tenth.
    const replies = [];
    for (let sent = 0; sent < 3; sent++) replies.push(await socket.submit(messageTo(bob)));
    expect(replies.map((reply) => reply.ok && reply.outcomes[0])).toEqual(['stored', 'stored', 'mailbox-full']);
    await connect(alice, { epoch: 2 });
    await expect(connect(alice, { epoch: 3 })).rejects.toThrow('rate-limited');
    const elsewhere = await userAt(north, 'alice', await newApp());
    for (let epoch = 1; epoch <= 4; epoch++) await connect(elsewhere, { epoch });
  });

  test('keeps its old key for the grace period on every node', async () => {
    const app = await newApp();
    const { secret = '' } = await admin.rotateKey(app.id, { graceSeconds: 3600 });
    for (const [name, key] of Object.entries({ old: app.secret, fresh: secret })) {
      const login = await tokenFor(name, { app: app.id, key });
      await eventually('both keys', async () => {
        expect((await tryRegister(south.url, name, { token: login })).status).toBe(200);
      });
    }
    await admin.rotateKey(app.id, { graceSeconds: 0 });
    await eventually('the old keys end', async () => {
      const login = await tokenFor('late', { app: app.id, key: secret });
      expect(codeOf(await tryRegister(south.url, 'late', { token: login }))).toBe('token-invalid');
    });
  });
});

test('a key that is gone ends the sockets that it opened, on every node; those of the new key go on', async () => {
  const app = await newApp();
  const [alice, bob] = [await userAt(north, 'alice', app), await userAt(south, 'bob', app)];
  const sockets = await Promise.all([connect(alice), connect(bob)]);
  await Promise.all(sockets.map((socket) => socket.next('drained')));
  const last = await admin.rotateKey(app.id, { graceSeconds: 0 });
  for (const socket of sockets) expect(await socket.next('bye')).toMatchObject({ code: 'token-invalid' });
  const fresh = { ...bob, token: await tokenFor('bob', { app: app.id, key: last.secret ?? '' }) };
  const after = await eventually('bob with the new key', () => connect(fresh, { epoch: 2 }));
  await after.next('drained');
  await Promise.all([north.core.heal(), south.core.heal()]);
  expect(await after.submit(messageTo(alice))).toMatchObject({ ok: true });
  after.close();
});

describe('the command line', () => {
  async function command(args: string[], environment: Record<string, string>, answer: string | null = null) {
    const said = { out: '', err: '' };
    const error = await runAppCommand(args, {
      out: (text) => (said.out += text),
      err: (text) => (said.err += text),
      environment,
      ask: () => Promise.resolve(answer),
    }).then(
      () => null,
      (failure: unknown) => failure as CliError,
    );
    return { ...said, error };
  }

  test.each(['the database', 'the admin API'])('does everything through %s; running relays notice', async (way) => {
    const environment: Record<string, string> =
      way === 'the database'
        ? { DATABASE_URL: databaseUrl }
        : { SOTTO_ADMIN_URL: north.adminUrl ?? '', SOTTO_ADMIN_TOKEN: token };
    const id = newId();
    // What is done on the database is in no relay's log, so the command says it; the rows it removes it counts aloud too.
    const audited: string[] = [];
    const cli = async (...args: Parameters<typeof command>) => {
      const result = await command(...args);
      for (const line of result.err.split('\n').filter((text) => text.startsWith('{'))) {
        const { level, time, audit, by, ...done } = JSON.parse(line) as Record<string, unknown>;
        expect([level, audit, by]).toEqual([30, true, expect.stringContaining('command line')]);
        expect(new Date(String(time)).getTime()).not.toBeNaN();
        // Nothing else is in it, such as a key.
        expect(Object.keys(done).sort()).toEqual(['app', 'event']);
        audited.push(`${String(done['event'])} ${String(done['app'])}`);
      }
      return result;
    };
    const run = (...args: string[]) => cli(args, environment);
    const made = await run('create', id, '--origin', 'https://shop.example', '--json');
    const { secret } = JSON.parse(made.out) as { secret: string };
    await userAt(south, 'alice', { id, secret });
    const listed = await run('list');
    expect(listed.out).toContain(id);
    const shown = await run('show', id);
    expect(shown.out).toContain('https://shop.example');
    for (const { out } of [listed, shown]) expect(out).not.toContain(secret);
    expect((await run('update', id, '--retention-days', '9')).out).toContain('9 days');
    const rotated = await run('rotate-key', id, '--grace', '2h');
    expect(rotated.out).toMatch(/shown this once/);
    expect(rotated.out).toMatch(/until 20/);
    expect((await run('suspend', id)).out).toContain('suspended since');
    expect((await run('resume', id)).out).toContain('active');
    expect((await run('delete', id)).error?.message).toContain('--yes');
    expect((await cli(['delete', id], environment, 'something else')).error?.message).toBe('Nothing was deleted.');
    expect((await cli(['delete', id], environment, id)).out).toContain('is deleted');
    expect((await run('show', id, '--json')).out).toContain('"deleting"');
    expect(audited).toEqual(
      way === 'the admin API'
        ? []
        : ['created', 'updated', 'key-rotated', 'suspended', 'resumed', 'deleted'].map((done) => `app-${done} ${id}`),
    );
  });

  test.each([
    [['create', 'Bad Id'], 'not an app id'],
    [['create'], 'needs the id'],
    [['create', 'x', '--grace', '1h'], 'does nothing with'],
    [['create', 'x', '--secret', 'visible to all'], 'Unknown option'],
    [['create', 'x', '--algorithm', 'none'], 'algorithm'],
    [['create', 'x', '--origin', 'shop.example'], 'origins.0: must be an origin such as https://example.com, or *'],
    [['show', 'nobody'], 'There is no app'],
    [['sing'], 'There is no "app sing"'],
  ])('%j is refused with a sentence', async (args, sentence) => {
    const { error, out } = await command(args, { DATABASE_URL: databaseUrl });
    expect(error?.name).toBe('CliError');
    expect(error?.message).toContain(sentence);
    expect(out).toBe('');
  });

  test('says where to look when nothing answers', async () => {
    const nowhere = { SOTTO_ADMIN_URL: 'http://127.0.0.1:1', SOTTO_ADMIN_TOKEN: token };
    expect((await command(['list'], nowhere)).error?.message).toContain('does not answer');
    const wrong = { SOTTO_ADMIN_URL: north.url, SOTTO_ADMIN_TOKEN: token };
    expect((await command(['list'], wrong)).error).not.toBeNull();
  });
});

describe('the admin API', () => {
  test('is off without tokens, and has a description with them', async () => {
    const relay = await testRelay();
    expect(relay.adminUrl).toBeNull();
    await relay.close();
    const described: unknown = await (await fetch(`${north.adminUrl ?? ''}/openapi.json`)).json();
    const body = {
      content: { 'application/json': { schema: { properties: { id: { type: 'string', maxLength: 64 } } } } },
    };
    expect(described).toMatchObject({
      paths: { '/admin/v1/apps': { post: { requestBody: body } }, '/admin/v1/apps/{app}/rotate-key': {} },
    });
  });

  test('refuses an address that guesses, even when it is right in the end; another relay’s operators are not disturbed', async () => {
    const relay = await testRelay({ adminTokens, adminPort: 0 });
    const ask = (bearer: string) =>
      http(relay.adminUrl ?? '', { method: 'GET', path: '/admin/v1/apps' }, { token: bearer });
    expect((await ask(token)).status).toBe(200);
    for (let guess = 0; guess < 11; guess++) expect(codeOf(await ask(`guess-${guess}`))).toBe('admin-token-invalid');
    expect(codeOf(await ask(token))).toBe('rate-limited');
    await relay.close();
  });

  test('refuses what is no request, and says what is wrong without quoting it', async () => {
    const post = (body: unknown) =>
      http(north.adminUrl ?? '', { method: 'POST', path: '/admin/v1/apps' }, { token, body });
    for (const body of ['{', '[]', '"x"', { id: 'shop', secret: 'a-short-secret' }, { id: 'shop', unknown: 1 }]) {
      const answer = await post(body);
      expect([answer.status, codeOf(answer)]).toEqual([400, 'bad-request']);
      expect(JSON.stringify(answer.body)).not.toContain('a-short-secret');
    }
    expect(codeOf(await post({ id: 'x'.repeat(100_000) }))).toBe('too-large');
  });
});
