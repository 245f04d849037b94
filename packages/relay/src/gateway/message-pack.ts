import { Buffer } from 'node:buffer';

/** Thrown by the reader for whatever it does not expect. One for all: nobody looks at where it was thrown. */
export const UNEXPECTED = new Error('Not what was expected.');

/**
 * Reads MessagePack of a known shape, without making objects for what is only looked at. Every method throws
 * {@link UNEXPECTED} when something else stands there, or nothing.
 */
export class MessagePackReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get at(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  since(start: number): Buffer {
    return this.#bytes.subarray(start, this.#at);
  }

  /** @returns how many keys with values follow */
  map(): number {
    const code = this.#byte();
    if ((code & 0xf0) === 0x80) return code & 0x0f;
    if (code === 0xde) return this.#unsigned(2);
    throw UNEXPECTED;
  }

  /** @returns how many values follow */
  list(): number {
    const code = this.#byte();
    if ((code & 0xf0) === 0x90) return code & 0x0f;
    if (code === 0xdc) return this.#unsigned(2);
    throw UNEXPECTED;
  }

  /** @returns the index of the string that stands here */
  oneOf(names: readonly Buffer[]): number {
    const length = this.#textLength();
    const start = this.#at;
    for (let index = 0; index < names.length; index++) {
      const name = names[index];
      if (name?.length === length && this.skip(name)) return index;
    }
    this.#at = start;
    throw UNEXPECTED;
  }

  /** Of at most 255 bytes; other characters come out wrong. */
  ascii(): string {
    return this.#take(this.#textLength()).toString('latin1');
  }

  boolean(): boolean {
    const code = this.#byte();
    if (code !== 0xc2 && code !== 0xc3) throw UNEXPECTED;
    return code === 0xc3;
  }

  /** A whole number from 0 to 2^53 - 1. */
  integer(): number {
    const code = this.#byte();
    if (code < 0x80) return code;
    if (code < 0xcc || code > 0xcf) throw UNEXPECTED;
    const value = this.#unsigned(1 << (code - 0xcc));
    if (!Number.isSafeInteger(value)) throw UNEXPECTED;
    return value;
  }

  /** Not copied. */
  binary(min: number, max: number): Buffer {
    const code = this.#byte();
    if (code < 0xc4 || code > 0xc6) throw UNEXPECTED;
    const length = this.#unsigned(1 << (code - 0xc4));
    if (length < min || length > max) throw UNEXPECTED;
    return this.#take(length);
  }

  /** Goes past these bytes if they stand here. */
  skip(bytes: Buffer): boolean {
    const end = this.#at + bytes.length;
    if (end > this.#bytes.length) return false;
    for (let index = 0; index < bytes.length; index++) {
      if (this.#bytes[this.#at + index] !== bytes[index]) return false;
    }
    this.#at = end;
    return true;
  }

  #textLength(): number {
    const code = this.#byte();
    if ((code & 0xe0) === 0xa0) return code & 0x1f;
    if (code === 0xd9) return this.#byte();
    throw UNEXPECTED;
  }

  #take(length: number): Buffer {
    const start = this.#at;
    if (start + length > this.#bytes.length) throw UNEXPECTED;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  #unsigned(size: number): number {
    let value = 0;
    for (let count = 0; count < size; count++) value = value * 256 + this.#byte();
    return value;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw UNEXPECTED;
    return byte;
  }
}

const MAX_INTEGER = 9;
/** The longest head of a WebSocket frame from a server. */
const FRAME_HEAD = 10;
/** Last fragment, binary. */
const BINARY_FRAME = 0x82;

/** Writes MessagePack into a buffer that is large enough, as the content of one WebSocket frame. */
export class MessagePackWriter {
  static readonly MAX_INTEGER = MAX_INTEGER;
  readonly #bytes: Buffer;
  #at = FRAME_HEAD;

  /** @param size an upper bound, bytes */
  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(FRAME_HEAD + size);
  }

  /** What was written. */
  message(): Buffer {
    return this.#bytes.subarray(FRAME_HEAD, this.#at);
  }

  /** What was written as a whole WebSocket frame: binary, unmasked, uncompressed (RFC 6455, section 5.2). */
  frame(): Buffer {
    const length = this.#at - FRAME_HEAD;
    const size = length < 126 ? 2 : length < 0x10000 ? 4 : 10;
    const start = FRAME_HEAD - size;
    this.#bytes[start] = BINARY_FRAME;
    this.#bytes[start + 1] = size === 2 ? length : size === 4 ? 126 : 127;
    if (size === 4) this.#bytes.writeUInt16BE(length, start + 2);
    if (size === 10) this.#bytes.writeBigUInt64BE(BigInt(length), start + 2);
    return this.#bytes.subarray(start, this.#at);
  }

  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** @param value 0 to 2^53 */
  integer(value: number): void {
    if (value < 0x80) this.#byte(value);
    else if (value < 0x100) {
      this.#byte(0xcc);
      this.#byte(value);
    } else if (value < 0x10000) {
      this.#byte(0xcd);
      this.#at = this.#bytes.writeUInt16BE(value, this.#at);
    } else if (value < 0x100000000) {
      this.#byte(0xce);
      this.#at = this.#bytes.writeUInt32BE(value, this.#at);
    } else {
      this.#byte(0xcf);
      this.#at = this.#bytes.writeUInt32BE(Math.floor(value / 2 ** 32), this.#at);
      this.#at = this.#bytes.writeUInt32BE(value >>> 0, this.#at);
    }
  }

  /** @param text at most 255 ASCII characters */
  ascii(text: string): void {
    this.#byte(0xd9);
    this.#byte(text.length);
    for (let index = 0; index < text.length; index++) this.#byte(text.charCodeAt(index));
  }

  binary(bytes: Uint8Array): void {
    if (bytes.length < 0x100) {
      this.#byte(0xc4);
      this.#byte(bytes.length);
    } else if (bytes.length < 0x10000) {
      this.#byte(0xc5);
      this.#at = this.#bytes.writeUInt16BE(bytes.length, this.#at);
    } else {
      this.#byte(0xc6);
      this.#at = this.#bytes.writeUInt32BE(bytes.length, this.#at);
    }
    this.raw(bytes);
  }

  list(length: number): void {
    if (length < 0x10) this.#byte(0x90 | length);
    else {
      this.#byte(0xdc);
      this.#at = this.#bytes.writeUInt16BE(length, this.#at);
    }
  }

  #byte(value: number): void {
    this.#bytes[this.#at++] = value;
  }
}

/** A string of at most 31 ASCII characters. */
export const fixString = (text: string) => Buffer.concat([Buffer.of(0xa0 | text.length), Buffer.from(text)]);
/** The head of a map with at most 15 keys. */
export const fixMap = (size: number) => Buffer.of(0x80 | size);
