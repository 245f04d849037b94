import type { ReactiveController, ReactiveControllerHost } from 'lit';
import type { Live } from '@sotto/sdk';

/**
 * Keeps the host up to date with a {@link Live} value while it is in the document: the subscription ends when the host
 * leaves, so a removed widget keeps nothing alive, and starts again when it returns.
 */
export class LiveController<T> implements ReactiveController {
  #live: Live<T> | null = null;
  #end: (() => void) | null = null;
  #connected = false;
  #value: T | null = null;

  constructor(
    private readonly host: ReactiveControllerHost,
    private readonly changed: (value: T) => void = () => undefined,
  ) {
    host.addController(this);
  }

  /** The current value, or null while nothing is observed. */
  get value(): T | null {
    return this.#value;
  }

  observe(live: Live<T> | null): void {
    if (live === this.#live) return;
    this.#stop();
    this.#live = live;
    this.#value = live === null ? null : live.get();
    if (this.#connected) this.#start();
  }

  hostConnected(): void {
    this.#connected = true;
    this.#start();
  }

  hostDisconnected(): void {
    this.#connected = false;
    this.#stop();
  }

  #start(): void {
    if (this.#live === null || this.#end !== null) return;
    this.#end = this.#live.subscribe((value) => {
      this.#value = value;
      this.changed(value);
      this.host.requestUpdate();
    });
  }

  #stop(): void {
    this.#end?.();
    this.#end = null;
  }
}
