import { randomUUID } from 'node:crypto';

import type { Bus } from '../bus/bus.js';
import type { MailboxId } from '../mailbox/mailbox-id.js';

/** Hears of each probe: seconds from sending to hearing it, or null when it was lost. */
type Report = (seconds: number | null) => void;

/** Rings a channel of its own and listens: what every ring between nodes takes, and whether any arrive. */
export class BusProbe {
  readonly #bus: Bus;
  readonly #report: Report;
  readonly #channel = randomUUID() as MailboxId;
  #sent: { number: number; at: number } | null = null;
  #count = 0;
  #leave: () => void = () => undefined;

  constructor(bus: Bus, report: Report) {
    this.#bus = bus;
    this.#report = report;
  }

  async start(): Promise<void> {
    this.#leave = await this.#bus.subscribe(this.#channel, (message) => {
      this.#heard(Buffer.from(message).toString());
    });
  }

  /** To be called now and then; a probe that is still under way at the next call is lost. */
  send(): void {
    if (this.#sent) this.#report(null);
    this.#sent = { number: ++this.#count, at: performance.now() };
    this.#bus.publish(this.#channel, Buffer.from(String(this.#count)));
  }

  stop(): void {
    this.#leave();
  }

  #heard(number: string): void {
    if (!this.#sent || number !== String(this.#sent.number)) return;
    this.#report((performance.now() - this.#sent.at) / 1000);
    this.#sent = null;
  }
}
