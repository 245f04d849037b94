/**
 * The platform's WebCrypto, typed from whatever declares it (Node or DOM), so that this package's own types need neither.
 */
export type Subtle = typeof globalThis.crypto.subtle;
export type SubtleKey = Awaited<ReturnType<Subtle['importKey']>>;

/** Bytes as WebCrypto's types want them; nothing is copied. They must not be shared memory, which ours never are. */
export function source(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}

/** null outside of secure contexts and on platforms without WebCrypto. */
export function findSubtle(): Subtle | null {
  const { crypto } = globalThis as { crypto?: { subtle?: Subtle } };
  return crypto?.subtle ?? null;
}
