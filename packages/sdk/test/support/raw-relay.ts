import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

/** One WebSocket message: a string goes out as text. */
export type Frame = string | Uint8Array;

/** A relay of which there is only the wire: it says whatever it is told to. Plain HTTP it refuses. */
export class RawRelay {
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();

  private constructor(turns: readonly (readonly Frame[])[]) {
    this.#server = createServer((_, response) => response.writeHead(403).end('<html>'));
    this.#server.on('upgrade', ({ headers }, socket: Duplex) => {
      const left = [...turns];
      const say = (): void => {
        for (const frame of left.shift() ?? []) if (socket.writable) socket.write(toFrame(frame));
        if (left.length === 0) socket.end();
      };
      this.#sockets.add(socket);
      // The client hangs up as it likes.
      socket.on('error', () => undefined);
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
          `Sec-WebSocket-Accept: ${accept(headers['sec-websocket-key'] ?? '')}\r\n\r\n`,
      );
      say();
      socket.on('data', say);
    });
  }

  /** @param turns what it says to a new socket, then to the first that comes from there, and so on; then it hangs up */
  static async start(turns: readonly (readonly Frame[])[]): Promise<RawRelay> {
    const relay = new RawRelay(turns);
    await new Promise<void>((resolve) => relay.#server.listen(0, '127.0.0.1', resolve));
    return relay;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** RFC 6455 section 4.2.2. */
const accept = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

/** In one piece, not masked: RFC 6455 section 5.2. */
function toFrame(frame: Frame): Buffer {
  const payload = Buffer.from(frame);
  const code = typeof frame === 'string' ? 0x81 : 0x82;
  const { length } = payload;
  if (length < 126) return Buffer.concat([Buffer.of(code, length), payload]);
  if (length <= 0xffff) return Buffer.concat([Buffer.of(code, 126, length >> 8, length & 0xff), payload]);
  const head = Buffer.alloc(10);
  head[0] = code;
  head[1] = 127;
  head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, payload]);
}
