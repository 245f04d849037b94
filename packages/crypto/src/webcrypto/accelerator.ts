import { verify } from '../keys/xeddsa.js';
import type { Accelerator } from '../session/precompute.js';
import { webCryptoEd25519 } from './ed25519.js';
import { webCryptoX25519 } from './x25519.js';

/**
 * What WebCrypto can do for sessions, or null where it has no X25519: then the synchronous functions do everything
 * themselves. Ask once, at start.
 */
export async function webCryptoAccelerator(): Promise<Accelerator | null> {
  const [x25519, ed25519] = await Promise.all([webCryptoX25519(), webCryptoEd25519()]);
  if (x25519 === null) return null;
  const ours: Accelerator['verify'] = (publicKey, message, signature) =>
    Promise.resolve(verify(publicKey, message, signature));
  return { ...x25519, verify: ed25519?.verify ?? ours };
}
