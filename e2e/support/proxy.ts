import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

import { WebSocketReader } from './websocket-frames.js';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** It has become a WebSocket. */
  isUpgraded: boolean;
}

export interface ProxyOptions {
  /** Keep everything that passes, for {@link TcpProxy.traffic}. */
  record?: boolean;
}

/** A TCP proxy that can do what networks do: delay, cut, refuse, swallow. */
export class TcpProxy {
  readonly #target: { host: string; port: number };
  readonly #record: boolean;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #recordings: WebSocketReader[] = [];
  #delayMs = 0;
  #refusing = false;
  #swallowing = false;

  private constructor(target: { host: string; port: number }, { record = false }: ProxyOptions) {
    this.#target = target;
    this.#record = record;
    this.#server = createServer((client) => this.#accept(client));
  }

  static async start(target: { host: string; port: number }, options: ProxyOptions = {}): Promise<TcpProxy> {
    const proxy = new TcpProxy(target, options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** WebSockets that stand at this moment. */
  get sockets(): number {
    return [...this.#links].filter(({ isUpgraded }) => isUpgraded).length;
  }

  /** Everything said so far in both directions, WebSocket frames unmasked. */
  get traffic(): Buffer {
    return Buffer.concat(this.#recordings.map(({ content }) => content));
  }

  /** Every chunk waits this long from now on, in each direction. */
  delay(milliseconds: number): void {
    this.#delayMs = milliseconds;
  }

  /** Breaks all connections with a reset and refuses new ones. */
  cut(): void {
    this.#refusing = true;
    this.reset();
  }

  /** Breaks all connections with a reset; new ones are welcome. */
  reset(): void {
    for (const { client, server } of this.#links) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    this.#links.clear();
  }

  /** Connections stay open and nothing arrives any more: what a dead mobile network looks like. */
  swallow(): void {
    this.#swallowing = true;
  }

  /** As good as new. What was swallowed is lost, so the connections that lost something are reset. */
  heal(): void {
    this.#delayMs = 0;
    this.#refusing = false;
    if (this.#swallowing) this.reset();
    this.#swallowing = false;
  }

  async stop(): Promise<void> {
    this.reset();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#target);
    const link: Link = { client, server, isUpgraded: false };
    this.#links.add(link);
    this.#pipe(client, server);
    this.#pipe(server, client);
    server.on('data', (bytes) => {
      if (bytes.subarray(0, 12).toString('latin1') === 'HTTP/1.1 101') link.isUpgraded = true;
    });
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        client.destroy();
        server.destroy();
        this.#links.delete(link);
      });
    }
  }

  #pipe(from: Socket, to: Socket): void {
    const recording = this.#record ? new WebSocketReader() : null;
    if (recording) this.#recordings.push(recording);
    const pass = (act: () => void): void => {
      if (this.#delayMs === 0) act();
      else setTimeout(act, this.#delayMs);
    };
    from.on('data', (bytes) => {
      if (this.#swallowing) return;
      recording?.push(bytes);
      pass(() => to.writable && to.write(bytes));
    });
    from.on('end', () => pass(() => to.end()));
  }
}
