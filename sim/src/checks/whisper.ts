/** What a wiretap can tell apart: which message key a ciphertext was made with. */
export interface KeyUse {
  /** Hex. */
  readonly ratchetKey: string;
  readonly counter: number;
}

/** First bytes of our payloads (`engine/payload.ts`). */
const WHISPER = 2;
const PREKEY = 3;

/** `version | protobuf | MAC`: the ratchet key and counter in the header of a Signal message, also inside a PreKey message. */
export function keyUseOf(payload: Uint8Array): KeyUse | null {
  if (payload[0] === WHISPER) return headerOf(payload.subarray(2, -8));
  if (payload[0] !== PREKEY) return null;
  const inner = fields(payload.subarray(2)).get(4);
  return inner instanceof Uint8Array ? headerOf(inner.subarray(1, -8)) : null;
}

function headerOf(message: Uint8Array): KeyUse | null {
  const all = fields(message);
  const [key, counter] = [all.get(1), all.get(2)];
  if (!(key instanceof Uint8Array)) return null;
  return { ratchetKey: Buffer.from(key).toString('hex'), counter: typeof counter === 'number' ? counter : 0 };
}

/** The last value of each field: varints as numbers, everything else as bytes. */
function fields(bytes: Uint8Array): Map<number, number | Uint8Array> {
  const found = new Map<number, number | Uint8Array>();
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; at < bytes.length; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = varint();
    if ((tag & 7) === 0) found.set(tag >> 3, varint());
    else {
      const length = varint();
      found.set(tag >> 3, bytes.subarray(at, at + length));
      at += length;
    }
  }
  return found;
}
