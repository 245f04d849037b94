import { TcpProxy as PlainProxy } from '@sotto/relay/testing';

import { WebSocketReader } from './websocket-frames.js';

export interface ProxyOptions {
  /** Keep everything that passes, for {@link TcpProxy.traffic}. */
  record?: boolean;
}

/** The relay tests' proxy, which also counts WebSockets and records what is said. */
export class TcpProxy extends PlainProxy {
  readonly #record: boolean;
  readonly #recordings: WebSocketReader[] = [];
  readonly #upgraded = new Set<symbol>();

  private constructor(target: { host: string; port: number }, { record = false }: ProxyOptions) {
    super(target);
    this.#record = record;
  }

  static start(target: { host: string; port: number }, options: ProxyOptions = {}): Promise<TcpProxy> {
    return new TcpProxy(target, options).listen();
  }

  /** WebSockets that stand at this moment. */
  get sockets(): number {
    return this.#upgraded.size;
  }

  /** Everything said so far in both directions, WebSocket frames unmasked. */
  get traffic(): Buffer {
    return Buffer.concat(this.#recordings.map(({ content }) => content));
  }

  protected override taps() {
    const link = Symbol('link');
    const [there, back] = [this.#recorder(), this.#recorder()];
    return {
      fromClient: there,
      fromServer: (bytes: Buffer) => {
        if (bytes.subarray(0, 12).toString('latin1') === 'HTTP/1.1 101') this.#upgraded.add(link);
        back(bytes);
      },
      closed: () => void this.#upgraded.delete(link),
    };
  }

  #recorder(): (bytes: Buffer) => void {
    if (!this.#record) return () => undefined;
    const recording = new WebSocketReader();
    this.#recordings.push(recording);
    return (bytes) => recording.push(bytes);
  }
}
