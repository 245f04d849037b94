/** As much MessagePack as the load generator needs; the relay and the SDK use their own library. */

type Value = string | number | boolean | null | Uint8Array | Value[] | { [key: string]: Value };
export type Encodable = Value;

export function encode(value: Encodable): Buffer {
  const parts: Buffer[] = [];
  write(value, parts);
  return Buffer.concat(parts);
}

function write(value: Encodable, parts: Buffer[]): void {
  if (value === null) parts.push(Buffer.of(0xc0));
  else if (typeof value === 'boolean') parts.push(Buffer.of(value ? 0xc3 : 0xc2));
  else if (typeof value === 'number') parts.push(number(value));
  else if (typeof value === 'string') {
    const text = Buffer.from(value);
    parts.push(head(0xd9, text.length), text);
  } else if (value instanceof Uint8Array) parts.push(head(0xc4, value.length), Buffer.from(value));
  else if (Array.isArray(value)) {
    parts.push(head16(0xdc, value.length));
    for (const each of value) write(each, parts);
  } else {
    const entries = Object.entries(value);
    parts.push(head16(0xde, entries.length));
    for (const [key, each] of entries) {
      write(key, parts);
      write(each, parts);
    }
  }
}

/** Small numbers in one byte, all others in the four bytes of a `uint32`. */
function number(value: number): Buffer {
  if (value < 0x80) return Buffer.of(value);
  const bytes = Buffer.alloc(5, 0xce);
  bytes.writeUInt32BE(value, 1);
  return bytes;
}

/** Types whose length stands in 8, 16 or 32 bits, under consecutive codes. */
function head(code: number, length: number): Buffer {
  if (length < 0x100) return Buffer.of(code, length);
  return head16(code + 1, length);
}

function head16(code: number, length: number): Buffer {
  return Buffer.of(code, length >> 8, length & 0xff);
}

export function decode(bytes: Buffer): unknown {
  return new Reader(bytes).value();
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  value(): unknown {
    const code = this.#bytes[this.#at++] ?? 0xc1;
    if (code < 0x80) return code;
    if (code < 0x90) return this.#map(code & 15);
    if (code < 0xa0) return this.#array(code & 15);
    if (code < 0xc0) return this.#text(code & 31);
    switch (code) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#slice(this.#uint(1 << (code - 0xc4)));
      case 0xcb:
        return this.#bytes.readDoubleBE((this.#at += 8) - 8);
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.#uint(1 << (code - 0xcc));
      case 0xcf:
        return this.#uint(4) * 2 ** 32 + this.#uint(4);
      // How the relay's library writes `undefined`: an extension of one byte.
      case 0xd4:
        this.#at += 2;
        return undefined;
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#uint(1 << (code - 0xd9)));
      case 0xdc:
      case 0xdd:
        return this.#array(this.#uint(code === 0xdc ? 2 : 4));
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(code === 0xde ? 2 : 4));
      default:
        throw new Error(`MessagePack type ${code} is not read here`);
    }
  }

  #uint(size: number): number {
    return this.#bytes.readUIntBE((this.#at += size) - size, size);
  }

  #slice(size: number): Buffer {
    return this.#bytes.subarray(this.#at, (this.#at += size));
  }

  #text(size: number): string {
    return this.#bytes.toString('latin1', this.#at, (this.#at += size));
  }

  #array(size: number): unknown[] {
    return Array.from({ length: size }, () => this.value());
  }

  #map(size: number): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    for (let entry = 0; entry < size; entry++) {
      const key = String(this.value());
      map[key] = this.value();
    }
    return map;
  }
}
