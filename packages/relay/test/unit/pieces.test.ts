import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Aci, AppId, DeviceId, Envelope, RegistrationId } from '@sotto/protocol';
import { afterEach, describe, expect, test } from 'vitest';

import { ConfigError } from '../../src/config/config-error.js';
import { configFrom } from '../../src/config/config.js';
import { AckWriter } from '../../src/mailbox/ack.js';
import { Batcher } from '../../src/mailbox/batcher.js';
import { Delivery, type DeliveryPort } from '../../src/mailbox/deliver.js';
import type { MailboxId } from '../../src/mailbox/mailbox-id.js';
import { decodeRing, encodeRing, type Ring } from '../../src/mailbox/ring.js';
import { lockDataFolder } from '../../src/ops/data-folder.js';
import { memoryStore } from '../../src/store/memory/memory-store.js';
import type { AckItem, MailboxStore } from '../../src/store/store.js';
import { random } from '../support/device.js';
import { gate } from '../support/gate.js';
import { handClock } from '../support/hand-clock.js';

describe('batches', () => {
  test('gather while one is under way, in order, and end at their weight', async () => {
    const batches: number[][] = [];
    const { opened, open } = gate();
    const batcher = new Batcher<number, number>(
      async (items) => {
        batches.push(items);
        if (batches.length === 1) await opened;
        return items.map((item) => item * 2);
      },
      { weigh: () => 1, maxWeight: 3 },
    );
    const results = [1].map((item) => batcher.add(item));
    await Promise.resolve();
    results.push(...[2, 3, 4, 5].map((item) => batcher.add(item)));
    open();
    expect(await Promise.all(results)).toEqual([2, 4, 6, 8, 10]);
    expect(batches).toEqual([[1], [2, 3, 4], [5]]);
    await batcher.settled();
  });

  test('hold what they may: the rest goes beside them, as many at once as there is depth', async () => {
    const underWay: number[][] = [];
    const { opened, open } = gate();
    const batcher = new Batcher<number, number>(
      async (items) => {
        underWay.push(items);
        await opened;
        return items;
      },
      { weigh: () => 1, maxWeight: 2, depth: 2 },
    );
    const results = [1, 2, 3, 4, 5].map((item) => batcher.add(item));
    await new Promise(setImmediate);
    expect(underWay).toEqual([
      [1, 2],
      [3, 4],
    ]);
    open();
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4, 5]);
    await batcher.settled();
  });

  test('begin when it is time: what has come until then shares them', async () => {
    const batches: number[][] = [];
    let begin: () => void = () => undefined;
    const batcher = new Batcher<number, number>(
      (items) => {
        batches.push(items);
        return Promise.resolve(items);
      },
      { weigh: () => 1, maxWeight: 10, depth: 2, gather: () => new Promise((resolve) => (begin = resolve)) },
    );
    const results = [batcher.add(1)];
    await new Promise(setImmediate);
    results.push(batcher.add(2));
    begin();
    expect(await Promise.all(results)).toEqual([1, 2]);
    expect(batches).toEqual([[1, 2]]);
    begin();
    await batcher.settled();
  });

  test('a batch that fails does not stop the next', async () => {
    let count = 0;
    const batcher = new Batcher<number, number>(
      (items) => (count++ === 0 ? Promise.reject(new Error('lost')) : Promise.resolve(items)),
      { weigh: () => 1, maxWeight: 1 },
    );
    const [one, two] = [batcher.add(1), batcher.add(2)];
    await expect(one).rejects.toThrow('lost');
    expect(await two).toBe(2);
  });
});

describe('acknowledgements', () => {
  const acked = (mailbox: string, seq: number) => ({ mailbox: mailbox as MailboxId, seq, id: random(16) });

  test('wait for each other while there are few, and go at once while there are many', async () => {
    const { clock, advance } = handClock();
    const batches: AckItem[][] = [];
    const ack: MailboxStore['ack'] = (_app, items) => {
      batches.push(items);
      return Promise.resolve(items.map(() => true));
    };
    const writer = new AckWriter('acme' as AppId, { store: { ...memoryStore(), ack }, clock, observer: {} });
    const few = [writer.acked(acked('a', 1))];
    await new Promise(setImmediate);
    few.push(writer.acked(acked('b', 1)), writer.acked(acked('a', 2)));
    advance(4);
    await new Promise(setImmediate);
    expect(batches).toEqual([]);
    advance(1);
    await Promise.all(few);
    expect(batches.map((items) => items.map(({ mailbox, seq }) => `${mailbox}${seq}`))).toEqual([['a2', 'b1']]);

    const many = Array.from({ length: 20 }, (_, index) => writer.acked(acked(`m${index}`, 1)));
    advance(5);
    await Promise.all(many);
    await writer.acked(acked('c', 1));
    expect(batches.map(({ length }) => length)).toEqual([2, 20, 1]);
  });
});

const envelope = (seq: number, size = 10): Envelope => ({
  seq,
  // One envelope has one id, however often it rings.
  id: Buffer.alloc(16, `envelope ${seq}`),
  user: '00000000-0000-8000-8000-000000000000' as Aci,
  device: 1 as DeviceId,
  registration: 2 as RegistrationId,
  at: 5,
  payload: random(size),
});

describe('rings', () => {
  test.each<Ring>([
    { kind: 'envelopes', envelopes: [envelope(1), envelope(2, 1), envelope(3, 90_000)] },
    { kind: 'claim', epoch: 3, socket: 'x' },
    { kind: 'gone' },
    { kind: 'look' },
    { kind: 'prekeys-low', counts: { oneTime: 1, kem: 2 } },
    { kind: 'list-changed', version: 7 },
  ])('survive the wire: $kind', (ring) => {
    const decoded = decodeRing(encodeRing(ring));
    expect(JSON.stringify(decoded)).toBe(JSON.stringify(decodeRing(encodeRing(decoded ?? ring))));
    expect(decoded?.kind).toBe(ring.kind);
    if (ring.kind === 'envelopes' && decoded?.kind === 'envelopes') {
      decoded.envelopes.forEach((each, index) => {
        const original = ring.envelopes[index];
        expect({ ...each, id: [...each.id], payload: [...each.payload] }).toEqual({
          ...original,
          id: [...(original?.id ?? [])],
          payload: [...(original?.payload ?? [])],
        });
      });
    }
  });

  test('a kind of tomorrow, a truncated message and noise are ignored', () => {
    const bytes = encodeRing({ kind: 'envelopes', envelopes: [envelope(1)] });
    expect(decodeRing(bytes.subarray(0, bytes.length - 1))).toBeNull();
    expect(decodeRing(encodeRing({ kind: 'tomorrow' } as never))).toBeNull();
    for (let size = 0; size < 40; size++) expect(decodeRing(random(size))).toBeNull();
  });
});

describe('delivery', () => {
  /** A mailbox of so many envelopes; reading is recorded. */
  function mailboxOf(head: number) {
    const log: string[] = [];
    const state = { head, failing: false, again: (): void => undefined };
    const port: DeliveryPort = {
      read: (after, limit) => {
        log.push(`read ${after}`);
        if (state.failing) return Promise.reject(new Error('away'));
        const count = Math.min(limit.envelopes, state.head - after);
        return Promise.resolve({
          first: 1,
          head: state.head,
          envelopes: Array.from({ length: count }, (_, index) => envelope(after + 1 + index)),
        });
      },
      deliver: ({ envelopes }) => log.push(`${envelopes[0]?.seq}-${envelopes.at(-1)?.seq}`),
      drained: (at) => log.push(`drained ${at}`),
      standing: (seq) => Promise.resolve({ head: state.head, id: envelope(seq).id }),
      rolledBack: () => log.push('rolled back'),
      failed: (_error, again) => {
        log.push('failed');
        state.again = again;
      },
    };
    return { log, state, delivery: new Delivery(port, { after: 0, first: 1 }) };
  }

  const settle = () => new Promise((resolve) => setImmediate(resolve));

  test('a ring that continues is sent at once; one with a gap is read from the store', async () => {
    const { delivery, log, state } = mailboxOf(0);
    delivery.start();
    await settle();
    delivery.ring([envelope(1), envelope(2)]);
    expect(log).toEqual(['read 0', 'drained 0', '1-2']);
    state.head = 5;
    delivery.ring([envelope(5)]);
    delivery.ring([envelope(2)]);
    await settle();
    expect(log.slice(3)).toEqual(['read 2', '3-5', 'drained 5']);
  });

  test('what rings while a page is read is not lost and not sent twice', async () => {
    const { delivery, log, state } = mailboxOf(2);
    delivery.start();
    state.head = 3;
    delivery.ring([envelope(3)]);
    await settle();
    expect(log.filter((line) => line.includes('-'))).toEqual(['1-2', '3-3']);
    expect(log.at(-1)).toBe('drained 3');
  });

  test('the window stays shut until an ack, whatever rings', async () => {
    const { delivery, log, state } = mailboxOf(700);
    delivery.start();
    await settle();
    state.head = 701;
    delivery.ring([envelope(701)]);
    await settle();
    expect(log.at(-1)).toBe('401-500');
    delivery.acked(100);
    await settle();
    expect(log.at(-1)).toBe('501-600');
    delivery.acked(600);
    await settle();
    expect(log.slice(-2)).toEqual(['701-701', 'drained 701']);
  });

  test('a store that is away is asked again after a while, once, whatever is heard meanwhile', async () => {
    const { delivery, log, state } = mailboxOf(1);
    state.failing = true;
    delivery.start();
    await settle();
    delivery.poke(1);
    delivery.look();
    delivery.ring([envelope(1)]);
    await settle();
    expect(log).toEqual(['read 0', 'failed']);
    state.failing = false;
    state.again();
    await settle();
    expect(log).toEqual(['read 0', 'failed', 'read 0', '1-1', 'drained 1']);
  });

  test('a head that the store does not have after a crash is not waited for', async () => {
    const { delivery, log, state } = mailboxOf(1);
    delivery.start();
    await settle();
    delivery.poke(5);
    await settle();
    expect(log).toEqual(['read 0', '1-1', 'drained 1', 'read 1', 'drained 1']);
    state.head = 2;
    delivery.ring([envelope(2)]);
    await settle();
    expect(log.at(-1)).toBe('2-2');
  });

  test('a look that comes while a page is read is another read', async () => {
    const { delivery, log } = mailboxOf(0);
    delivery.start();
    delivery.look();
    await settle();
    expect(log.filter((line) => line === 'read 0')).toHaveLength(2);
  });

  test('a look finds what nobody rang for', async () => {
    const { delivery, log, state } = mailboxOf(0);
    delivery.start();
    await settle();
    state.head = 2;
    delivery.look();
    await settle();
    expect(log).toEqual(['read 0', 'drained 0', 'read 0', '1-2', 'drained 2']);
  });
});

describe('configuration', () => {
  const SOTTO_APPS = JSON.stringify([
    { id: 'acme', algorithm: 'HS256', secret: 'a test secret of more than 32 bytes' },
  ]);

  test('comes from the environment; flags win', () => {
    const config = configFrom(
      { SOTTO_APPS, PORT: '1', SOTTO_RETENTION_DAYS: '7', REDIS_URL: 'redis://r' },
      { port: '0' },
    );
    expect(config).toMatchObject({ port: 0, retentionMs: 7 * 86_400_000, redisUrl: 'redis://r', dev: false });
    expect(config.apps).toMatchObject([{ id: 'acme', origins: [] }]);
  });

  test.each([
    ['a port that is none', { SOTTO_APPS, PORT: 'http' }, {}],
    ['apps that are no JSON', { SOTTO_APPS: '[' }, {}],
    ['a file of apps that is not there', { SOTTO_APPS_FILE: '/nowhere/apps.json' }, {}],
    ['a database of another kind', { SOTTO_APPS, DATABASE_URL: 'mysql://x' }, {}],
    ['static files without --dev', { SOTTO_APPS }, { static: '.' }],
    [
      'an app twice',
      {
        SOTTO_APPS: JSON.stringify([
          ...(JSON.parse(SOTTO_APPS) as unknown[]),
          ...(JSON.parse(SOTTO_APPS) as unknown[]),
        ]),
      },
      {},
    ],
  ])('%s is refused', (_name, environment, flags) => {
    expect(() => configFrom(environment, flags)).toThrow(ConfigError);
  });

  test('a refusal never quotes a secret', () => {
    const apps = JSON.stringify([{ id: 'acme', algorithm: 'HS256', secret: 'too short' }]);
    expect(() => configFrom({ SOTTO_APPS: apps }, {})).toThrow(expect.not.stringContaining('too short') as never);
  });
});

describe('the lock of a data folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-lock-'));
  const file = join(folder, 'relay.lock');

  afterEach(() => {
    rmSync(file, { force: true });
  });

  test('keeps a second relay out until it is given back', async () => {
    const unlock = await lockDataFolder(folder);
    await expect(lockDataFolder(folder)).rejects.toThrow(ConfigError);
    await unlock();
    expect(existsSync(file)).toBe(false);
    await (
      await lockDataFolder(folder)
    )();
  });

  test('of a process that was killed is taken over, by one of those that try', async () => {
    await holdAndDie(folder);
    expect(existsSync(file)).toBe(true);
    const tries = await Promise.allSettled([1, 2, 3].map(() => lockDataFolder(folder)));
    const held = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(held).toHaveLength(1);
    await expect(lockDataFolder(folder)).rejects.toThrow(ConfigError);
    await held[0]?.();
  });

  test('whose path is longer than a socket may have works too', async () => {
    const deep = join(folder, 'x'.repeat(120));
    await (
      await lockDataFolder(deep)
    )();
  });
});

/** Another process that takes the lock and is killed with it. */
function holdAndDie(folder: string): Promise<unknown> {
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  return once(spawn(process.execPath, ['-e', script, join(folder, 'relay.lock')]), 'exit');
}
