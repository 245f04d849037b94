/**
 * Client frames of a WebSocket are masked (RFC 6455 section 5.3), so a search of the raw bytes would prove nothing. This
 * reads one direction of a connection: HTTP as it is, and after the upgrade the payloads of frames, unmasked.
 */
export class WebSocketReader {
  #pending = Buffer.alloc(0);
  #upgraded = false;
  readonly #clear: Buffer[] = [];

  /** What was said, in the clear. */
  get content(): Buffer {
    return Buffer.concat([...this.#clear, this.#upgraded ? Buffer.alloc(0) : this.#pending]);
  }

  push(bytes: Buffer): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    if (!this.#upgraded) this.#readHead();
    if (this.#upgraded) while (this.#readFrame());
  }

  #readHead(): void {
    const end = this.#pending.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.#pending.subarray(0, end).toString('latin1');
    this.#upgraded = /^upgrade: *websocket/im.test(head);
    // Plain HTTP: hand on what there is, and look at the next request's head afresh.
    const cut = this.#upgraded ? end + 4 : this.#pending.length;
    this.#clear.push(this.#pending.subarray(0, cut));
    this.#pending = this.#pending.subarray(cut);
  }

  /** RFC 6455 section 5.2. Returns false when the frame is not complete yet. */
  #readFrame(): boolean {
    const bytes = this.#pending;
    if (bytes.length < 2) return false;
    const second = bytes.readUInt8(1);
    const isMasked = (second & 0x80) !== 0;
    let length = second & 0x7f;
    let at = 2;
    if (length === 126) {
      if (bytes.length < 4) return false;
      length = bytes.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (bytes.length < 10) return false;
      length = Number(bytes.readBigUInt64BE(2));
      at = 10;
    }
    const start = at + (isMasked ? 4 : 0);
    if (bytes.length < start + length) return false;
    const mask = bytes.subarray(at, start);
    const payload = Buffer.from(bytes.subarray(start, start + length));
    if (isMasked) for (let i = 0; i < payload.length; i++) payload[i] = payload.readUInt8(i) ^ mask.readUInt8(i % 4);
    this.#clear.push(payload);
    this.#pending = bytes.subarray(start + length);
    return true;
  }
}
