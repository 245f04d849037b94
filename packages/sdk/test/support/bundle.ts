import { generateKeyPair } from '@sotto/crypto';

import type { Front } from '../../src/conversations/front.js';
import { systemRandom, type RandomBytes } from '../../src/util/random.js';
import { openBox, sealBox } from '../../src/util/sealed-box.js';

/** A tab, or a person with one. */
interface Asking {
  readonly front: Front;
}

/**
 * What `exportDevice` hands over, without the passphrase around it: deriving its key takes seconds by design. The work is the
 * engine's, and this asks it as `exportDevice` does.
 */
export async function makeBundle({ front }: Asking, random: RandomBytes = systemRandom): Promise<Uint8Array> {
  const mine = generateKeyPair(random);
  return openBox(mine, await front.ask({ command: 'make-link', publicKey: mine.publicKey }));
}

/**
 * What `link` does with it.
 *
 * @param publicKey of the engine that needs a device, as `connection` has it
 */
export async function takeBundle(
  { front }: Asking,
  publicKey: Uint8Array,
  bundle: Uint8Array,
  random: RandomBytes = systemRandom,
): Promise<void> {
  await front.ask({ command: 'link', box: sealBox(publicKey, bundle, random) });
}
