/** Gathers bytes as they come and hands them out in pieces of a given size; holds little more than one piece. */
export class ChunkQueue {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  /** The next `length` bytes; there must be so many. */
  take(length: number): Uint8Array {
    const taken = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const part = this.#parts.shift();
      if (part === undefined) throw new RangeError('fewer bytes queued than asked for');
      const used = part.subarray(0, length - filled);
      taken.set(used, filled);
      filled += used.length;
      if (used.length < part.length) this.#parts.unshift(part.subarray(used.length));
    }
    this.#length -= length;
    return taken;
  }
}
