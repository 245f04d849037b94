import { afterAll, describe, expect, test } from 'vitest';
import { converse, type ConversationResult } from '../src/conversation.js';
import { OfficialEndpoint } from '../src/official.js';
import { OurEndpoint } from '../src/ours.js';

const OURS = { name: '9d0652a3-dcc3-4d11-975f-74d61598733f', deviceId: 1 };
const THEIRS = { name: '796abedb-ca4e-4f18-8803-1fde5b921f9f', deviceId: 2 };
const MESSAGES = 2000;

const initiators = ['us', 'them', 'both'] as const;
const runs = (['0.103.0', '0.102.2'] as const)
  .flatMap((release) => initiators.flatMap((initiator) => [0.1, 0.4].map((loss) => ({ release, initiator, loss }))))
  .map((run, i) => ({ ...run, seed: i + 1 }));

const report: Record<string, unknown>[] = [];
afterAll(() => {
  console.table(report);
});

async function begin(
  us: OurEndpoint,
  them: OfficialEndpoint,
  initiator: (typeof initiators)[number],
  kem = true,
): Promise<void> {
  if (initiator !== 'them') await us.start(them.address, await them.publish({ kem }));
  if (initiator !== 'us') await them.start(us.address, await us.publish({ kem }));
  // Both at once: the first messages cross on the way.
  const ours = initiator === 'them' ? null : await us.send(them.address, 'hello from us');
  const theirs = initiator === 'us' ? null : await them.send(us.address, 'hello from them');
  if (ours !== null) expect(await them.receive(us.address, ours)).toBe('hello from us');
  if (theirs !== null) expect(await us.receive(them.address, theirs)).toBe('hello from them');
}

function expectBadLine({ sent, delivered, repeatsRefused, overtaken }: ConversationResult, loss: number): void {
  expect(sent).toBe(MESSAGES);
  expect(delivered).toBeGreaterThan(sent * (1 - loss) * 0.9);
  expect(delivered).toBeLessThan(sent * (1 - loss * 0.8));
  expect(repeatsRefused).toBeGreaterThan(20);
  expect(overtaken).toBeGreaterThan(100);
}

describe('Triple Ratchet', () => {
  test.each(runs)('with $release, $initiator initiating, loss $loss', async ({ release, initiator, loss, seed }) => {
    const us = new OurEndpoint(OURS);
    const them = new OfficialEndpoint(release, THEIRS);
    await begin(us, them, initiator);
    const result = await converse(us, them, { messages: MESSAGES, loss, seed });
    expectBadLine(result, loss);
    const epoch = us.pqEpoch(them.address);
    expect(epoch).toBeGreaterThanOrEqual(5);
    const bytes = { ourRecord: us.recordBytes(them.address), theirRecord: them.recordBytes(us.address) };
    report.push({ release, initiator, loss, ...result, pqEpoch: epoch, ...bytes });
  });
});

describe('old peers, behind policy switches', () => {
  const oldPeers = [
    { name: 'X3DH', release: '0.72.1', kem: false, policy: { allowX3dh: true, pqRatchet: 'off' } },
    { name: 'PQXDH without SPQR', release: '0.72.1', kem: true, policy: { allowX3dh: false, pqRatchet: 'off' } },
    { name: 'SPQR declined', release: '0.72.1', kem: true, policy: { allowX3dh: false, pqRatchet: 'optional' } },
    { name: 'optional SPQR', release: '0.90.0', kem: true, policy: { allowX3dh: false, pqRatchet: 'optional' } },
  ] as const;

  test.each(oldPeers.flatMap((peer) => initiators.map((initiator) => ({ ...peer, initiator }))))(
    '$name with $release, $initiator initiating',
    async ({ release, kem, policy, initiator, name }) => {
      const us = new OurEndpoint(OURS, policy);
      const them = new OfficialEndpoint(release, THEIRS);
      await begin(us, them, initiator, kem);
      const result = await converse(us, them, { messages: 600, loss: 0, seed: 3 });
      expect(result.delivered).toBeGreaterThan(590);
      const epoch = us.pqEpoch(them.address);
      if (name === 'optional SPQR') expect(epoch).toBeGreaterThanOrEqual(3);
      else expect(epoch).toBe(0);
      report.push({ release, initiator, loss: 0, ...result, pqEpoch: epoch });
    },
  );

  test('by default, a peer without SPQR and a peer without KEM prekeys are refused', async () => {
    const us = new OurEndpoint(OURS);
    const old = new OfficialEndpoint('0.72.1', THEIRS);
    await expect(us.start(old.address, await old.publish({ kem: false }))).rejects.toMatchObject({
      code: 'unsupported-handshake',
    });
    await old.start(us.address, await us.publish({ kem: false }));
    await expect(us.receive(old.address, await old.send(us.address, 'X3DH'))).rejects.toMatchObject({
      name: 'CryptoError',
    });
    const newer = new OfficialEndpoint('0.72.1', THEIRS);
    await newer.start(us.address, await us.publish());
    await expect(us.receive(newer.address, await newer.send(us.address, 'no SPQR'))).rejects.toMatchObject({
      code: 'invalid-message',
    });
  });
});
