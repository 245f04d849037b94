import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export interface Target {
  host: string;
  port: number;
}

/** Sees every chunk that passes. */
export type Tap = (bytes: Buffer) => void;

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** What it lets through no more. */
  silent?: 'answers' | 'both';
}

/** A TCP proxy that can do what networks do: delay, cut, refuse, swallow. */
export class TcpProxy {
  #target: Target;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #delayMs = 0;
  #refusing = false;
  #swallowing = false;

  constructor(target: Target) {
    this.#target = target;
    this.#server = createServer((client) => {
      this.#accept(client);
    });
  }

  /** Resolves when it can be connected to, on a free port. */
  listen(): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => {
        resolve(this);
      });
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Every chunk waits this long from now on, in each direction. */
  delay(milliseconds: number): void {
    this.#delayMs = milliseconds;
  }

  /** New connections go there; those that stand stay where they are. */
  retarget(target: Target): void {
    this.#target = target;
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

  /**
   * Connections that stand stay open, and nothing arrives on them any more; new ones are as good as new: what a firewall
   * that has forgotten them looks like. `answers`: what is sent still arrives, only no answer does.
   */
  silence(direction: 'answers' | 'both' = 'both'): void {
    for (const link of this.#links) link.silent = direction;
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

  /** For proxies that look at what passes: called for each new connection. */
  protected taps(): { fromClient?: Tap; fromServer?: Tap; closed?: () => void } {
    return {};
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(this.#target);
    const link: Link = { client, server };
    this.#links.add(link);
    const { fromClient, fromServer, closed } = this.taps();
    this.#pipe(client, server, fromClient, () => link.silent === 'both');
    this.#pipe(server, client, fromServer, () => link.silent !== undefined);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        client.destroy();
        server.destroy();
        this.#links.delete(link);
        closed?.();
      });
    }
  }

  #pipe(from: Socket, to: Socket, tap: Tap | undefined, isSilent: () => boolean): void {
    const pass = (act: () => void): void => {
      if (this.#delayMs === 0) act();
      else setTimeout(act, this.#delayMs);
    };
    from.on('data', (bytes) => {
      if (this.#swallowing || isSilent()) return;
      tap?.(bytes);
      pass(() => to.writable && to.write(bytes));
    });
    from.on('end', () => {
      pass(() => to.end());
    });
  }
}
