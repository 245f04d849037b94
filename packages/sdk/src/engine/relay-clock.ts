import { commitVault, type EngineContext } from './context.js';

/**
 * This device's clock, corrected by the relay's. Survives restarts, so that offline messages are dated well too. Once the relay
 * has said the time, this device's clock may be set as it likes.
 */
export class RelayClock {
  #offset = 0;
  /** What the relay said, and when, counted in ticks. */
  #told: { readonly time: number; readonly ticks: number } | null = null;

  constructor(readonly context: EngineContext) {}

  async load(): Promise<void> {
    const row = await this.context.vault.read(['meta'], (transaction) => transaction.get('meta', ['clock']));
    if (row?.name === 'clock') this.#offset = row.offset;
  }

  /** Whole milliseconds since the epoch, as the relay counts them. */
  now(): number {
    const { clock } = this.context;
    if (this.#told) return Math.round(this.#told.time + clock.ticks() - this.#told.ticks);
    return Math.round(clock.now() + this.#offset);
  }

  /** The later of the relay's word and this device's: what is ahead of both is ahead. */
  latest(): number {
    return Math.max(this.now(), Math.round(this.context.clock.now()));
  }

  async correct(relayTime: number): Promise<void> {
    const { clock } = this.context;
    this.#told = { time: relayTime, ticks: clock.ticks() };
    this.#offset = relayTime - clock.now();
    await commitVault(this.context, [], (transaction) =>
      transaction.put('meta', { name: 'clock', offset: this.#offset }),
    );
  }
}
