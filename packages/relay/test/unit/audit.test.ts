import { expect, test } from 'vitest';

import { RelayError } from '../../src/errors.js';
import { AuditLog } from '../../src/ops/audit.js';
import { createLog } from '../../src/ops/log.js';
import { APP, coreWorld, settle } from '../support/core.js';
import { helloOf, messageTo } from '../support/device.js';
import { handClock } from '../support/hand-clock.js';

const MINUTE = 60_000;

/** An audit log with a clock of its own; `lines` takes what was written since it was asked last. */
function audited() {
  const { clock, advance } = handClock();
  const written: Record<string, unknown>[] = [];
  const write = (line: string) => {
    const fields = Object.entries(JSON.parse(line) as Record<string, unknown>);
    written.push(Object.fromEntries(fields.filter(([name]) => !['level', 'time', 'audit'].includes(name))));
  };
  const audit = new AuditLog(createLog('info', { write }), clock);
  return { audit, advance, lines: () => written.splice(0) };
}

const from = (address: string) => ({ via: 'http', address }) as const;

test('an app of ours is named, and what is refused every day is not written', () => {
  const { audit, lines } = audited();
  audit.refused(new RelayError('token-invalid', undefined, { app: APP }), from('192.0.2.1'));
  audit.refused(new RelayError('token-expired', undefined, { app: APP }), from('192.0.2.1'));
  expect(lines()).toEqual([{ event: 'refused', code: 'token-invalid', app: APP, ...from('192.0.2.1') }]);
});

test('what repeats is written once, and at the end of the minute how often it came', () => {
  const { audit, advance, lines } = audited();
  const line = (address: string) => ({ event: 'refused', code: 'token-invalid', ...from(address) });
  for (let round = 0; round < 500; round++) {
    audit.refused(new RelayError('token-invalid'), from('192.0.2.1'));
    advance(100);
  }
  audit.refused(new RelayError('token-invalid'), from('192.0.2.2'));
  expect(lines()).toEqual([line('192.0.2.1'), line('192.0.2.2')]);
  advance(MINUTE);
  expect(lines()).toEqual([{ ...line('192.0.2.1'), more: 499 }]);
  advance(10 * MINUTE);
  expect(lines()).toEqual([]);
  audit.refused(new RelayError('token-invalid'), from('192.0.2.1'));
  expect(lines()).toEqual([line('192.0.2.1')]);
});

test('five thousand addresses in a minute are a thousand lines, and a number', () => {
  const { audit, advance, lines } = audited();
  for (let host = 0; host < 5_000; host++) audit.refused(new RelayError('rate-limited'), from(`host-${host}`));
  expect(lines()).toHaveLength(1000);
  advance(MINUTE);
  expect(lines()).toEqual([{ event: 'refused-others', more: 4_000 }]);
});

test('a relay that stops writes what it has counted', () => {
  const { audit, advance, lines } = audited();
  for (let round = 0; round < 3; round++) audit.refused(new RelayError('wrong-user'), from('192.0.2.1'));
  audit.flush();
  expect(lines()).toMatchObject([{ code: 'wrong-user' }, { code: 'wrong-user', more: 2 }]);
  advance(MINUTE);
  expect(lines()).toEqual([]);
});

test('an open socket that asks for what it may not is named: app, user, device, address', async () => {
  const { audit, lines } = audited();
  const seen: [RelayError, object][] = [];
  const limiter = {
    take: ({ limit }: { limit: string }) => Promise.resolve(limit === 'topicSignalsPerDevice' ? 1000 : null),
    budget: () => 100,
  };
  const observer = { refused: (refusal: RelayError, source: object) => seen.push([refusal, source]) };
  const { core, clock, register } = await coreWorld({ limiter, observers: [audit, observer] });
  const [alice, bob] = [await register('alice'), await register('bob')];
  const session = core.open(await core.admit(helloOf(alice), '192.0.2.7'), {
    emit: () => undefined,
    close: () => undefined,
    isBehind: () => false,
  });
  lines();
  const source = { via: 'event', app: APP, user: alice.user, device: 1, address: '192.0.2.7' };
  expect(await session.handle('token', { token: `bob@${clock.now() + 1000}` })).toMatchObject({ ok: false });
  const topic = { topic: Buffer.alloc(32, 1), tag: Buffer.alloc(16, 2) };
  expect(await session.handle('join', topic)).toMatchObject({ ok: false, error: { code: 'rate-limited' } });
  expect(await session.handle('submit', 'nonsense')).toMatchObject({ ok: false });
  expect(await session.handle('submit', messageTo(bob))).toMatchObject({ ok: true });
  expect(lines()).toEqual([
    { event: 'refused', code: 'wrong-user', ...source },
    { event: 'refused', code: 'rate-limited', ...source },
  ]);
  // Metrics count every refusal; what is suspicious is for the log to decide.
  expect(seen.map(([{ code }, who]) => [code, who])).toEqual(
    ['wrong-user', 'rate-limited', 'bad-request'].map((code) => [code, source]),
  );
});

test('a device that is removed between its hello and its socket is written down', async () => {
  const { audit, lines } = audited();
  const { core, callerOf, register } = await coreWorld({ observers: [audit] });
  const alice = await register('alice');
  const admission = await core.admit(helloOf(alice), '192.0.2.7');
  await core.directory.removeSelf(await callerOf(alice));
  lines();
  core.open(admission, { emit: () => undefined, close: () => undefined, isBehind: () => false });
  await settle();
  expect(lines()).toMatchObject([{ code: 'device-gone', user: alice.user, address: '192.0.2.7' }]);
});
