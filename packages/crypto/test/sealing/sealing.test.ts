import { describe, expect, test } from 'vitest';
import {
  DEFAULT_PASSPHRASE_COST,
  generateSealingKey,
  MIN_PASSPHRASE_COST,
  needsResealing,
  openWithKey,
  openWithPassphrase,
  sealWithKey,
  sealWithPassphrase,
} from '../../src/sealing/index.js';
import { hex, text, toHex, utf8 } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';
import { vectors } from '../support/json.js';
import { recordedRandom, seededRandom } from '../support/random.js';

const vector = vectors('sealing-v1') as {
  passphrase: (Record<'passphrase' | 'salt' | 'nonce' | 'plaintext' | 'sealed', string> &
    Record<'memory' | 'passes' | 'lanes', number>)[];
  key: Record<'key' | 'nonce' | 'context' | 'plaintext' | 'sealed', string>;
};

const random = seededRandom(51);
const cost = MIN_PASSPHRASE_COST;
const withCode = (code: string): Error => expect.objectContaining({ name: 'CryptoError', code }) as Error;

describe('with a passphrase', () => {
  test.each(vector.passphrase)('vector "$passphrase"', async ({ passphrase, memory, passes, lanes, ...bytes }) => {
    const recorded = recordedRandom([hex(bytes.salt), hex(bytes.nonce)]);
    const input = {
      passphrase,
      plaintext: hex(bytes.plaintext),
      cost: { memory, passes, lanes },
      random: recorded.random,
    };
    expect(toHex(await sealWithPassphrase(input))).toBe(bytes.sealed);
    expect(toHex(await openWithPassphrase({ passphrase, sealed: hex(bytes.sealed) }))).toBe(bytes.plaintext);
  });

  test('another passphrase, and altered bytes, do not open', async () => {
    const sealed = await sealWithPassphrase({ passphrase: 'open sesame', plaintext: utf8('gold'), random, cost });
    await expect(openWithPassphrase({ passphrase: 'open barley', sealed })).rejects.toThrow(
      withCode('wrong-passphrase'),
    );
    for (const at of [12, 30, sealed.length - 1]) {
      const altered = sealed.slice();
      altered[at] = (altered[at] ?? 0) ^ 1;
      await expect(openWithPassphrase({ passphrase: 'open sesame', sealed: altered })).rejects.toThrow(
        withCode('wrong-passphrase'),
      );
    }
  });

  test('the same passphrase typed with other code points opens', async () => {
    const sealed = await sealWithPassphrase({ passphrase: 'Zu\u0308rich', plaintext: utf8('x'), random, cost });
    expect(text(await openWithPassphrase({ passphrase: 'Z\u00fcrich', sealed }))).toBe('x');
  });

  test('progress is told from 0 to 1', async () => {
    const told: number[] = [];
    await sealWithPassphrase({
      passphrase: 'p',
      plaintext: utf8('x'),
      random,
      cost,
      onProgress: (part) => told.push(part),
    });
    expect(told.length).toBeGreaterThan(2);
    expect(told.at(-1)).toBe(1);
    expect([...told].sort((a, b) => a - b)).toEqual(told);
  });

  test('nothing below the floor or above the ceiling is sealed or opened, and no time is spent on it', async () => {
    const sealed = await sealWithPassphrase({ passphrase: 'p', plaintext: utf8('x'), random, cost });
    const outside = [
      { ...cost, memory: cost.memory - 1 },
      { ...cost, passes: 1 },
      { ...cost, memory: 2 ** 31 },
      { ...cost, passes: 17 },
      { ...cost, lanes: 5 },
      { ...cost, lanes: 0 },
    ];
    for (const wrong of outside) {
      const sealing = sealWithPassphrase({ passphrase: 'p', plaintext: utf8('x'), random, cost: wrong });
      await expect(sealing).rejects.toThrow(withCode('invalid-argument'));
      const stored = sealed.slice();
      new DataView(stored.buffer).setUint32(2, wrong.memory);
      new DataView(stored.buffer).setUint32(6, wrong.passes);
      new DataView(stored.buffer).setUint8(10, wrong.lanes);
      await expect(openWithPassphrase({ passphrase: 'p', sealed: stored })).rejects.toThrow(withCode('corrupt-record'));
    }
  });

  test('an empty passphrase, short bytes and other formats are typed errors', async () => {
    const empty = sealWithPassphrase({ passphrase: '', plaintext: utf8('x'), random, cost });
    await expect(empty).rejects.toThrow(withCode('invalid-argument'));
    await expect(openWithPassphrase({ passphrase: 'p', sealed: new Uint8Array(66) })).rejects.toThrow(
      withCode('corrupt-record'),
    );
    await expect(openWithPassphrase({ passphrase: 'p', sealed: new Uint8Array(80).fill(2) })).rejects.toThrow(
      withCode('unrecognized-version'),
    );
  });

  test('what was sealed cheaply asks to be sealed again', async () => {
    const sealed = await sealWithPassphrase({ passphrase: 'p', plaintext: utf8('x'), random, cost });
    expect(needsResealing(sealed, cost)).toBe(false);
    expect(needsResealing(sealed)).toBe(true);
    expect(DEFAULT_PASSPHRASE_COST.memory).toBeGreaterThan(cost.memory);
  });
});

describe('with a key', () => {
  test('vector', () => {
    const { key, nonce, context, plaintext, sealed } = vector.key;
    const input = { key: hex(key), context: hex(context), plaintext: hex(plaintext), random: () => hex(nonce) };
    expect(toHex(sealWithKey(input))).toBe(sealed);
    expect(toHex(openWithKey({ key: hex(key), context: hex(context), sealed: hex(sealed) }))).toBe(plaintext);
  });

  test('opens only with the key, in the place it was sealed for, and unaltered', () => {
    const key = generateSealingKey(random);
    const context = utf8('sessions/bob');
    const sealed = sealWithKey({ key, plaintext: utf8('secret'), context, random });
    expect(text(openWithKey({ key, sealed, context }))).toBe('secret');
    expectCode('corrupt-record', () => openWithKey({ key, sealed, context: utf8('sessions/eve') }));
    expectCode('corrupt-record', () => openWithKey({ key, sealed }));
    expectCode('corrupt-record', () => openWithKey({ key: generateSealingKey(random), sealed, context }));
    for (let at = 1; at < sealed.length; at++) {
      const altered = sealed.slice();
      altered[at] = (altered[at] ?? 0) ^ 1;
      expectCode('corrupt-record', () => openWithKey({ key, sealed: altered, context }));
    }
    expectCode('corrupt-record', () => openWithKey({ key, sealed: sealed.subarray(0, 40), context }));
    expectCode('unrecognized-version', () =>
      openWithKey({ key, sealed: Uint8Array.of(2, ...sealed.subarray(1)), context }),
    );
    expectCode('invalid-argument', () => sealWithKey({ key: new Uint8Array(16), plaintext: utf8('x'), random }));
  });
});
