import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CryptoError } from '../../src/errors.js';
import { serializeSpqr } from '../../src/spqr/codec.js';
import { addChunk, chunkAt, createDecoder, decodedMessage } from '../../src/spqr/erasure-code.js';
import { divide, multiply } from '../../src/spqr/gf65536.js';
import { decodeMessage, encodeMessage } from '../../src/spqr/message.js';
import { toHex } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';
import { aliceAndBob, type InFlight, type SpqrParty } from './spqr-party.js';

const element = fc.nat(0xffff);

describe('GF(2^16)', () => {
  test('is a field', () => {
    fc.assert(
      fc.property(element, element, element, (a, b, c) => {
        expect(multiply(a, b)).toBe(multiply(b, a));
        expect(multiply(multiply(a, b), c)).toBe(multiply(a, multiply(b, c)));
        expect(multiply(a, b ^ c)).toBe(multiply(a, b) ^ multiply(a, c));
        expect(multiply(a, 1)).toBe(a);
        if (b !== 0) expect(multiply(divide(a, b), b)).toBe(a);
      }),
    );
  });
});

describe('the erasure code', () => {
  test('any k distinct chunks, in any order and among repeats, give the message back', () => {
    const sizes = fc.constantFrom(3, 5, 30, 36);
    const scenario = sizes.chain((k) =>
      fc.record({
        message: fc.uint8Array({ minLength: 32 * k, maxLength: 32 * k }),
        indices: fc.uniqueArray(element, { minLength: k, maxLength: k }),
        repeats: fc.array(fc.nat(k - 1), { maxLength: 5 }),
      }),
    );
    fc.assert(
      fc.property(scenario, ({ message, indices, repeats }) => {
        let decoder = createDecoder(message.length);
        const order = indices.flatMap((index, i) => (repeats.includes(i) ? [index, index] : [index]));
        for (const index of order) decoder = addChunk(decoder, chunkAt(message, index));
        expect(toHex(decodedMessage(decoder) ?? new Uint8Array())).toBe(toHex(message));
      }),
      { numRuns: 40 },
    );
  });
});

describe('message bytes', () => {
  test('whatever bytes come, there is a message or a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          const message = decodeMessage(bytes);
          expect(decodeMessage(encodeMessage(message))).toEqual(message);
        } catch (error) {
          expect(error).toBeInstanceOf(CryptoError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

type Step =
  | { do: 'send'; from: 0 | 1; burst: number }
  | { do: 'deliver' | 'lose'; to: 0 | 1; pick: number }
  | { do: 'alter'; to: 0 | 1; pick: number; at: number; bit: number }
  | { do: 'reload'; who: 0 | 1 };

const side = fc.constantFrom<0 | 1>(0, 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant('send' as const), from: side, burst: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 40, arbitrary: fc.record({ do: fc.constant('deliver' as const), to: side, pick: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('lose' as const), to: side, pick: fc.nat() }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('alter' as const), to: side, pick: fc.nat(), at: fc.nat(), bit: fc.nat(7) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('reload' as const), who: side }) },
);

class World {
  readonly parties: readonly [SpqrParty, SpqrParty];
  readonly inFlight: readonly [InFlight[], InFlight[]] = [[], []];

  constructor(seed: number) {
    const { alice, bob } = aliceAndBob({}, seed);
    this.parties = [alice, bob];
  }

  run(action: Step): void {
    if (action.do === 'reload') this.parties[action.who].reload();
    else if (action.do === 'send') this.#send(action.from, action.burst);
    else this.#arrive(action);
  }

  /** All that is still on its way arrives. */
  drain(): void {
    for (const to of [0, 1] as const) {
      this.parties[to].reload();
      for (const inFlight of this.inFlight[to].splice(0)) this.#deliver(to, inFlight);
    }
  }

  #send(from: 0 | 1, burst: number): void {
    for (let i = 0; i < burst; i++) this.inFlight[from === 0 ? 1 : 0].push(this.parties[from].send());
  }

  #arrive(action: Exclude<Step, { do: 'reload' | 'send' }>): void {
    const wire = this.inFlight[action.to];
    if (wire.length === 0) return;
    const place = action.pick % wire.length;
    if (action.do === 'alter') {
      this.#offerAltered(action.to, wire[place], action.at, action.bit);
      return;
    }
    const [inFlight] = wire.splice(place, 1);
    if (inFlight !== undefined && action.do === 'deliver') this.#deliver(action.to, inFlight);
  }

  #deliver(to: 0 | 1, { message, key }: InFlight): void {
    // Two epochs after its own a message is too late: the chain is forgotten (spqr.md 8).
    const oldest = this.parties[to].active.chain?.links[0]?.epoch ?? 0;
    if (decodeMessage(message).epoch - 1 < oldest) {
      expectCode('invalid-message', () => this.parties[to].receive(message));
      return;
    }
    const received = this.parties[to].receive(message);
    expect(toHex(received ?? new Uint8Array())).toBe(toHex(key ?? new Uint8Array()));
  }

  /** A session would find the MAC wrong and keep the old state, even where SPQR by itself accepts. */
  #offerAltered(to: 0 | 1, inFlight: InFlight | undefined, at: number, bit: number): void {
    if (inFlight === undefined) return;
    const party = this.parties[to];
    const before = party.state;
    const bytes = toHex(serializeSpqr(before));
    const altered = inFlight.message.slice();
    altered[at % altered.length] = (altered[at % altered.length] ?? 0) ^ (1 << bit);
    try {
      party.receive(altered);
    } catch (error) {
      expect(error).toMatchObject({ name: 'CryptoError', code: 'invalid-message' });
    }
    expect(toHex(serializeSpqr(before))).toBe(bytes);
    party.state = before;
  }
}

describe('two parties', () => {
  test('agree on the key of every message that arrives, however lines lose, reorder and alter, and whoever reloads', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(step, { maxLength: 400, size: 'max' }), (seed, steps) => {
        const world = new World(seed);
        for (const action of steps) world.run(action);
        world.drain();
      }),
      { numRuns: 25 },
    );
  });
});
