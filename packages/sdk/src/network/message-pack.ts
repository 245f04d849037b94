/**
 * MessagePack as Socket.IO's parser speaks it (https://github.com/msgpack/msgpack/blob/master/spec.md), for what JSON can say
 * and bytes. Extension types are not for us, but for the parser's own word for `undefined`.
 */
const FIRST_BYTES = 256;

export function encodeMessagePack(value: unknown): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.value(value);
  return writer.bytes;
}

/** @throws RangeError, TypeError when it is not MessagePack, or something stands behind it */
export function decodeMessagePack(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes);
  const value = reader.value();
  if (!reader.isAtEnd) throw new RangeError('more than one value');
  return value;
}

class Writer {
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #at = 0;

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at);
  }

  value(value: unknown): void {
    if (value === null || value === undefined) this.#byte(0xc0);
    else if (typeof value === 'boolean') this.#byte(value ? 0xc3 : 0xc2);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'string') this.#text(value);
    else if (value instanceof Uint8Array) this.#binary(value);
    else if (Array.isArray(value)) {
      this.#length(value.length, 0x90, 16, 0xdc, 2);
      for (const item of value) this.value(item);
    } else if (typeof value === 'object') this.#map(value);
    else throw new TypeError(`no MessagePack for ${typeof value}`);
  }

  /** What is undefined is left out: the relay refuses fields that it does not know. */
  #map(value: object): void {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    this.#length(entries.length, 0x80, 16, 0xde, 2);
    for (const [key, inner] of entries) {
      this.#text(key);
      this.value(inner);
    }
  }

  #text(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.#length(bytes.length, 0xa0, 32, 0xd9, 1);
    this.#raw(bytes);
  }

  #binary(bytes: Uint8Array): void {
    this.#length(bytes.length, 0, 0, 0xc4, 1);
    this.#raw(bytes);
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value)) {
      this.#byte(0xcb);
      const at = this.#take(8);
      this.#view.setFloat64(at, value);
    } else if (value >= 0) this.#unsigned(value);
    else if (value >= -32) this.#byte(0x100 + value);
    else {
      this.#byte(0xd3);
      const at = this.#take(8);
      this.#view.setBigInt64(at, BigInt(value));
    }
  }

  #unsigned(value: number): void {
    if (value < 0x80) this.#byte(value);
    else if (value < 0x1_0000_0000) this.#sized(value, 0xcc, 1);
    else {
      this.#byte(0xcf);
      const at = this.#take(8);
      this.#view.setBigUint64(at, BigInt(value));
    }
  }

  /** @param below lengths that fit into the first byte */
  #length(length: number, short: number, below: number, code: number, smallest: 1 | 2): void {
    if (length < below) this.#byte(short | length);
    else this.#sized(length, code, smallest);
  }

  /** In 1, 2 or 4 bytes, of which each is announced by the code after the one before. */
  #sized(value: number, code: number, smallest: 1 | 2): void {
    const size = value < 0x100 && smallest === 1 ? 1 : value < 0x1_0000 ? 2 : 4;
    this.#byte(code + Math.log2(size / smallest));
    const at = this.#take(size);
    if (size === 1) this.#view.setUint8(at, value);
    else if (size === 2) this.#view.setUint16(at, value);
    else this.#view.setUint32(at, value);
  }

  #byte(byte: number): void {
    const at = this.#take(1);
    this.#bytes[at] = byte;
  }

  #raw(bytes: Uint8Array): void {
    const at = this.#take(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** Room for so many bytes. @returns where it begins */
  #take(length: number): number {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#at, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  value(): unknown {
    const code = this.#view.getUint8(this.#take(1));
    if (code < 0x80) return code;
    if (code < 0x90) return this.#map(code & 0x0f);
    if (code < 0xa0) return this.#list(code & 0x0f);
    if (code < 0xc0) return this.#text(code & 0x1f);
    if (code >= 0xe0) return code - 0x100;
    return this.#long(code);
  }

  #long(code: number): unknown {
    if (code >= 0xca && code <= 0xd3) return this.#number(code);
    switch (code) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return code === 0xc3;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        // A copy: a part would keep the whole frame in memory, and take it along into the database.
        return this.#raw(this.#unsigned(code - 0xc4)).slice();
      case 0xd4:
        if (this.#unsigned(1) === 0) return undefined;
        break;
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#unsigned(code - 0xd9));
      case 0xdc:
      case 0xdd:
        return this.#list(this.#unsigned(code - 0xdb));
      case 0xde:
      case 0xdf:
        return this.#map(this.#unsigned(code - 0xdd));
    }
    throw new TypeError(`unexpected MessagePack type ${code}`);
  }

  #number(code: number): number {
    switch (code) {
      case 0xca:
        return this.#view.getFloat32(this.#take(4));
      case 0xcb:
        return this.#view.getFloat64(this.#take(8));
      case 0xd0:
        return this.#view.getInt8(this.#take(1));
      case 0xd1:
        return this.#view.getInt16(this.#take(2));
      case 0xd2:
        return this.#view.getInt32(this.#take(4));
      case 0xd3:
        return Number(this.#view.getBigInt64(this.#take(8)));
      default:
        return this.#unsigned(code - 0xcc);
    }
  }

  /** In 2^`power` bytes. */
  #unsigned(power: number): number {
    const at = this.#take(1 << power);
    if (power === 0) return this.#view.getUint8(at);
    if (power === 1) return this.#view.getUint16(at);
    return power === 2 ? this.#view.getUint32(at) : Number(this.#view.getBigUint64(at));
  }

  #list(length: number): unknown[] {
    const items: unknown[] = [];
    for (let i = 0; i < length; i++) items.push(this.value());
    return items;
  }

  /** Own properties only, whatever they are called. */
  #map(length: number): object {
    const entries: [string, unknown][] = [];
    for (let i = 0; i < length; i++) entries.push([String(this.value()), this.value()]);
    return Object.fromEntries(entries);
  }

  #text(length: number): string {
    return new TextDecoder().decode(this.#raw(length));
  }

  #raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** @throws RangeError */
  #take(length: number): number {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new RangeError('the MessagePack ends too early');
    return at;
  }
}
