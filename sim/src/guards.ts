import { Random } from './core/random.js';

/**
 * In a process that lives nothing but worlds, whatever would leave the scheduler throws: real time, real timers, real
 * randomness, WebCrypto. (The relay's session ids come from `randomUUID`; they are compared and never seen. The curve
 * arithmetic blinds its scalars with `getRandomValues`, which changes no result: it gets repeatable bytes.)
 */
export function forbidEscapes(): void {
  const forbid = (name: string) => (): never => {
    throw new Error(`${name} leaves the simulation`);
  };
  for (const name of ['setTimeout', 'setInterval', 'setImmediate', 'fetch'] as const)
    Object.defineProperty(globalThis, name, { value: forbid(name), configurable: true });
  Date.now = forbid('Date.now');
  Math.random = forbid('Math.random');
  const blinding = new Random('blinding');
  globalThis.crypto.getRandomValues = (array) => {
    if (!(array instanceof Uint8Array)) throw new TypeError('bytes only');
    array.set(blinding.bytes(array.length));
    return array;
  };
  Object.defineProperty(globalThis.crypto, 'subtle', { get: forbid('crypto.subtle') });
}
