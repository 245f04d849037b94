import { expect, test } from 'vitest';
import type { Endpoint, Wire } from '../src/endpoint.js';
import { OfficialEndpoint } from '../src/official.js';
import { OurEndpoint } from '../src/ours.js';
import { seededChance } from '../src/random.js';

const ALICE = { name: '9d0652a3-dcc3-4d11-975f-74d61598733f', deviceId: 1 };
const BOB = { name: '796abedb-ca4e-4f18-8803-1fde5b921f9f', deviceId: 2 };

interface Sized extends Endpoint {
  recordBytes(peer: { name: string; deviceId: number }): number;
}

/** Bytes of every message and of both records after it, in a conversation that a seed fixes: who speaks, and what is lost. */
async function sizes(alice: Sized, bob: Sized): Promise<{ message: number; records: number[] }[]> {
  const chance = seededChance(5);
  const seen: { message: number; records: number[] }[] = [];
  await alice.start(BOB, await bob.publish());
  for (let i = 0; i < 500; i++) {
    const [from, to] = i === 0 || chance() < 0.5 ? [alice, bob] : [bob, alice];
    const wire: Wire = await from.send(to.address, 'x'.repeat(200));
    if (i === 0 || chance() < 0.9) await to.receive(from.address, wire);
    seen.push({ message: wire.bytes.length, records: [alice.recordBytes(BOB), bob.recordBytes(ALICE)] });
  }
  return seen;
}

test('our messages are as long as theirs, our records never longer, in all states of a conversation', async () => {
  const ours = await sizes(new OurEndpoint(ALICE), new OurEndpoint(BOB));
  const theirs = await sizes(new OfficialEndpoint('0.103.0', ALICE), new OfficialEndpoint('0.103.0', BOB));
  for (const [i, { message, records }] of ours.entries()) {
    // The ids of prekeys and registration take as many bytes on both sides, or one less.
    expect(Math.abs(message - (theirs[i]?.message ?? 0))).toBeLessThanOrEqual(2);
    for (const [side, bytes] of records.entries()) expect(bytes).toBeLessThanOrEqual(theirs[i]?.records[side] ?? 0);
  }
  const sum = (list: typeof ours): number => list.reduce((total, { records }) => total + (records[0] ?? 0), 0);
  const largest = (list: typeof ours): number => Math.max(...list.flatMap(({ records }) => records));
  console.table({
    'average record of Alice, bytes': { ours: Math.round(sum(ours) / 500), libsignal: Math.round(sum(theirs) / 500) },
    'largest record, bytes': { ours: largest(ours), libsignal: largest(theirs) },
  });
});
