import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { serializeSessionRecord, type EncryptedMessage } from '../../src/index.js';
import { toHex } from '../support/bytes.js';
import { aliceAndBob, type Party } from '../support/party.js';

type Step =
  | { do: 'send'; from: 0 | 1 }
  | { do: 'deliver'; to: 0 | 1; pick: number }
  | { do: 'repeat'; to: 0 | 1; pick: number }
  | { do: 'alter'; to: 0 | 1; pick: number; at: number; bit: number }
  | { do: 'lose'; to: 0 | 1; pick: number }
  | { do: 'reload'; who: 0 | 1 }
  | { do: 'restart'; who: 0 | 1 };

const side = fc.constantFrom<0 | 1>(0, 1);
const pick = fc.nat();
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 24, arbitrary: fc.record({ do: fc.constant('send' as const), from: side }) },
  { weight: 24, arbitrary: fc.record({ do: fc.constant('deliver' as const), to: side, pick }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('repeat' as const), to: side, pick }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('alter' as const), to: side, pick, at: pick, bit: fc.nat(7) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('lose' as const), to: side, pick }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('reload' as const), who: side }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), who: side }) },
);

interface InFlight {
  message: EncryptedMessage;
  text: string;
}

/** Two parties and the messages between them, in whatever order the steps ask for. */
class World {
  readonly parties: readonly [Party, Party];
  readonly inFlight: [InFlight[], InFlight[]] = [[], []];
  readonly delivered: [InFlight[], InFlight[]] = [[], []];
  #count = 0;

  constructor() {
    // Enough receiver chains for any of these interleavings: what is lost to limits is tested in limits.test.ts.
    const { alice, bob } = aliceAndBob({ limits: { maxReceiverChains: 100 } });
    this.parties = [alice, bob];
  }

  run(step: Step): void {
    switch (step.do) {
      case 'send':
        this.#send(step.from);
        return;
      case 'deliver':
        this.#deliver(step.to, step.pick);
        return;
      case 'repeat':
        this.#repeat(step.to, step.pick);
        return;
      case 'alter':
        this.#alter(step.to, step.pick, step.at, step.bit);
        return;
      case 'lose':
        this.#take(step.to, step.pick);
        return;
      case 'reload':
        this.parties[step.who].reload();
        return;
      case 'restart':
        this.parties[step.who].startSession(this.#peer(step.who));
        return;
    }
  }

  deliverRest(): void {
    for (const to of [0, 1] as const) while (this.inFlight[to].length > 0) this.#deliver(to, 0);
  }

  #peer(who: 0 | 1): Party {
    return this.parties[who === 0 ? 1 : 0];
  }

  #send(from: 0 | 1): void {
    const party = this.parties[from];
    if (party.record.current === null) party.startSession(this.#peer(from));
    const text = `message ${this.#count++}`;
    this.inFlight[from === 0 ? 1 : 0].push({ message: party.send(this.#peer(from), text), text });
  }

  #take(to: 0 | 1, pick: number): InFlight | undefined {
    const queue = this.inFlight[to];
    return queue.splice(pick % Math.max(1, queue.length), 1)[0];
  }

  #deliver(to: 0 | 1, pick: number): void {
    const taken = this.#take(to, pick);
    if (taken === undefined) return;
    expect(this.parties[to].receive(this.#peer(to), taken.message)).toBe(taken.text);
    this.delivered[to].push(taken);
  }

  #repeat(to: 0 | 1, pick: number): void {
    const seen = this.delivered[to];
    const again = seen[pick % Math.max(1, seen.length)];
    if (again !== undefined) this.#refused(to, again.message);
  }

  #alter(to: 0 | 1, pick: number, at: number, bit: number): void {
    const queue = this.inFlight[to];
    const original = queue[pick % Math.max(1, queue.length)]?.message;
    if (original === undefined) return;
    const bytes = original.bytes.slice();
    // The low nibble of a version byte is not looked at: the first byte is left alone.
    const position = 1 + (at % (bytes.length - 1));
    bytes[position] = (bytes[position] ?? 0) ^ (1 << bit);
    if (original.type === 'whisper') this.#refused(to, { ...original, bytes });
  }

  /** A refused message must leave no byte of the record changed. */
  #refused(to: 0 | 1, message: EncryptedMessage): void {
    const party = this.parties[to];
    const before = party.record;
    const bytes = toHex(serializeSessionRecord(before));
    expect(() => party.receive(this.#peer(to), message)).toThrow(expect.objectContaining({ name: 'CryptoError' }));
    expect(party.record).toBe(before);
    expect(toHex(serializeSessionRecord(party.record))).toBe(bytes);
  }
}

describe('any interleaving', () => {
  test('of sends, losses, repeats, alterations, reorderings, new handshakes and reloads decrypts whatever arrives', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const world = new World();
        for (const each of steps) world.run(each);
        world.deliverRest();
      }),
      { numRuns: 50, seed: 20261121 },
    );
  }, 120_000);
});
