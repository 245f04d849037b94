import { commitVault, type EngineContext } from './context.js';

/** This device's clock, corrected by the relay's. Survives restarts, so that offline messages are dated well too. */
export class RelayClock {
  #offset = 0;

  constructor(readonly context: EngineContext) {}

  async load(): Promise<void> {
    const row = await this.context.vault.read(['meta'], (transaction) => transaction.get('meta', ['clock']));
    if (row?.name === 'clock') this.#offset = row.offset;
  }

  /** Whole milliseconds since the epoch, as the relay counts them. */
  now(): number {
    return Math.round(this.context.clock.now() + this.#offset);
  }

  async correct(relayTime: number): Promise<void> {
    this.#offset = relayTime - this.context.clock.now();
    await commitVault(this.context, [], (transaction) =>
      transaction.put('meta', { name: 'clock', offset: this.#offset }),
    );
  }
}
