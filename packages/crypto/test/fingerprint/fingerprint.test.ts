import { describe, expect, test } from 'vitest';
import { createFingerprint, matchesScanned } from '../../src/fingerprint/fingerprint.js';
import { hex, toHex, utf8 } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';
import { vectors } from '../support/json.js';

const published = vectors('public-fingerprint') as {
  iterations: number;
  alice: { stableIdUtf8: string; identityKey: string };
  bob: { stableIdUtf8: string; identityKey: string };
  displayable: string;
  scannable: Record<'aliceV1' | 'bobV1' | 'aliceV2' | 'bobV2', string>;
};
const generated = vectors('gen-fingerprint') as {
  cases: {
    version: number;
    iterations: number;
    localId: string;
    localKey: string;
    remoteId: string;
    remoteKey: string;
    displayable: string;
    scannable: string;
  }[];
  iterationLimits: { iterations: number; ok: boolean }[];
};

const alice = { id: utf8(published.alice.stableIdUtf8), identityKey: hex(published.alice.identityKey) };
const bob = { id: utf8(published.bob.stableIdUtf8), identityKey: hex(published.bob.identityKey) };
const { iterations } = published;

describe('vectors', () => {
  test.each([1, 2] as const)('Alice and Bob, version %i', (version) => {
    const forAlice = createFingerprint({ version, iterations, local: alice, remote: bob });
    const forBob = createFingerprint({ version, iterations, local: bob, remote: alice });
    expect(forAlice.displayable).toBe(published.displayable);
    expect(forBob.displayable).toBe(published.displayable);
    expect(toHex(forAlice.scannable)).toBe(published.scannable[`aliceV${version}`]);
    expect(toHex(forBob.scannable)).toBe(published.scannable[`bobV${version}`]);
  });

  test.each(generated.cases)('version $version, $iterations iterations', (vector) => {
    const { displayable, scannable } = createFingerprint({
      version: vector.version,
      iterations: vector.iterations,
      local: { id: hex(vector.localId), identityKey: hex(vector.localKey) },
      remote: { id: hex(vector.remoteId), identityKey: hex(vector.remoteKey) },
    });
    expect({ displayable, scannable: toHex(scannable) }).toEqual({
      displayable: vector.displayable,
      scannable: vector.scannable,
    });
  });

  test.each(generated.iterationLimits.filter(({ iterations: count, ok }) => !ok || count < 10_000))(
    '$iterations iterations: $ok',
    ({ iterations: count, ok }) => {
      const create = (): unknown => createFingerprint({ iterations: count, local: alice, remote: bob });
      if (ok) create();
      else expectCode('invalid-argument', create);
    },
  );
});

describe('scanning', () => {
  const own = createFingerprint({ iterations: 2, local: alice, remote: bob }).scannable;
  const theirs = createFingerprint({ iterations: 2, local: bob, remote: alice }).scannable;

  test("Bob's code matches Alice's, her own does not", () => {
    expect(matchesScanned(own, theirs)).toBe(true);
    expect(matchesScanned(theirs, own)).toBe(true);
    expect(matchesScanned(own, own)).toBe(false);
  });

  test('another key in the place of either is noticed', () => {
    const mallory = { id: bob.id, identityKey: hex(`05${'11'.repeat(32)}`) };
    const forAlice = createFingerprint({ iterations: 2, local: alice, remote: mallory }).scannable;
    const forBob = createFingerprint({ iterations: 2, local: bob, remote: mallory }).scannable;
    expect(matchesScanned(forAlice, theirs)).toBe(false);
    expect(matchesScanned(own, forBob)).toBe(false);
  });

  test('another version, and bytes that are no code, are typed errors', () => {
    const older = createFingerprint({ version: 1, iterations: 2, local: bob, remote: alice }).scannable;
    expectCode('unrecognized-version', () => matchesScanned(own, older));
    for (const malformed of ['', '0802', '080212021234', 'ff', '08021200']) {
      expectCode('invalid-protobuf', () => matchesScanned(own, hex(malformed)));
    }
  });
});
