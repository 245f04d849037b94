/** Finds a plaintext in bytes, however it may be spelled there. */
export interface Finding {
  where: string;
  encoding: string;
}

interface Spelling {
  encoding: string;
  bytes: Buffer;
}

/**
 * The spellings of a text that survive being part of something longer: a base64 of the whole begins at one of three
 * alignments, and its first and last characters also depend on the neighbours, so only the inner ones are searched for.
 */
export function spellings(text: string): Spelling[] {
  const plain = Buffer.from(text, 'utf8');
  const hex = plain.toString('hex');
  const utf16 = Buffer.from(text, 'utf16le');
  return [
    { encoding: 'utf-8', bytes: plain },
    { encoding: 'utf-16le', bytes: utf16 },
    { encoding: 'utf-16be', bytes: Buffer.from(utf16).swap16() },
    { encoding: 'hex', bytes: Buffer.from(hex) },
    { encoding: 'HEX', bytes: Buffer.from(hex.toUpperCase()) },
    { encoding: 'reversed', bytes: Buffer.from(plain).reverse() },
    ...[0, 1, 2].flatMap((offset) => base64At(plain, offset)),
  ];
}

function base64At(plain: Buffer, offset: number): Spelling[] {
  const shifted = Buffer.concat([Buffer.alloc(offset), plain]);
  // Whole groups of three bytes of our own: the rest of the characters mix with what stands before and after.
  const first = offset === 0 ? 0 : 4;
  const last = Math.floor(shifted.length / 3) * 4;
  return (['base64', 'base64url'] as const).map((encoding) => ({
    encoding: `${encoding} at ${offset}`,
    bytes: Buffer.from(shifted.toString(encoding).slice(first, last)),
  }));
}

/** Every place and spelling in which one of the texts occurs. */
export function search(
  places: Iterable<readonly [where: string, haystack: Buffer]>,
  texts: readonly string[],
): Finding[] {
  const needles = texts.flatMap((text) =>
    spellings(text).map(({ encoding, bytes }) => ({ encoding: `${text}, ${encoding}`, bytes })),
  );
  return [...places].flatMap(([where, haystack]) =>
    needles.filter(({ bytes }) => haystack.includes(bytes)).map(({ encoding }) => ({ where, encoding })),
  );
}
