import { toBase64Url } from '@sotto/protocol';

export type RandomBytes = (length: number) => Uint8Array;

export const systemRandom: RandomBytes = (length) => crypto.getRandomValues(new Uint8Array(length));

/** A new message, command or profile id: 16 random bytes, base64url. */
export function randomId(random: RandomBytes): string {
  return toBase64Url(random(16));
}

/** A number in [0, 1) with 32 bits. */
export function randomFraction(random: RandomBytes): number {
  const [a = 0, b = 0, c = 0, d = 0] = random(4);
  return (a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) / 2 ** 32;
}
