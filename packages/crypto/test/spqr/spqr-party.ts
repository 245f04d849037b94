import { deserializeSpqr, serializeSpqr } from '../../src/spqr/codec.js';
import { initSpqr, spqrReceive, spqrSend, type SpqrOptions } from '../../src/spqr/spqr.js';
import type { ActiveSpqr, SpqrState } from '../../src/spqr/state.js';
import { seededRandom } from '../support/random.js';

/** A message on its way: what is attached, and the key that the sender used with it. */
export interface InFlight {
  readonly message: Uint8Array;
  readonly key: Uint8Array | null;
}

/** One end of a post-quantum ratchet in a test story. */
export class SpqrParty {
  state: SpqrState;
  readonly #random;

  constructor(options: SpqrOptions, seed: number) {
    this.state = initSpqr(options);
    this.#random = seededRandom(seed);
  }

  get active(): ActiveSpqr {
    if (this.state.version === 0) throw new Error('the ratchet is disabled');
    return this.state;
  }

  get kind(): ActiveSpqr['braid']['kind'] {
    return this.active.braid.kind;
  }

  get epoch(): number {
    return this.active.braid.epoch;
  }

  send(): InFlight {
    const { state, message, key } = spqrSend(this.state, this.#random);
    this.state = state;
    return { message, key };
  }

  receive(message: Uint8Array): Uint8Array | null {
    const { state, key } = spqrReceive(this.state, message);
    this.state = state;
    return key;
  }

  /** Stores and loads the state, as a restarted client does. */
  reload(): void {
    this.state = deserializeSpqr(serializeSpqr(this.state));
  }
}

export const AUTH_KEY = new Uint8Array(32).fill(7);

export function aliceAndBob(options: Partial<SpqrOptions> = {}, seed = 1): { alice: SpqrParty; bob: SpqrParty } {
  return {
    alice: new SpqrParty({ authKey: AUTH_KEY, direction: 'a2b', ...options }, 2 * seed),
    bob: new SpqrParty({ authKey: AUTH_KEY, direction: 'b2a', ...options }, 2 * seed + 1),
  };
}
