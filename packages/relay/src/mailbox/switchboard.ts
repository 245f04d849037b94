import type { Bus } from '../bus/bus.js';
import type { MailboxId } from './mailbox-id.js';
import { decodeRing, encodeRing, type Ring } from './ring.js';

export type RingListener = (ring: Ring) => void;

/**
 * Rings mailboxes: sockets of this node directly, all others over the bus. A mailbox that has a socket here is not
 * published: one live socket per device, and should another node hold it after all, its poll finds what it missed.
 */
export class Switchboard {
  readonly #bus: Bus;
  readonly #local = new Map<MailboxId, Set<RingListener>>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  ring(mailbox: MailboxId, ring: Ring): void {
    const local = this.#local.get(mailbox);
    if (!local) this.#bus.publish(mailbox, encodeRing(ring));
    else for (const listener of [...local]) listener(ring);
  }

  /** Also to other nodes, whatever is connected here: claims and removals. */
  ringEverywhere(mailbox: MailboxId, ring: Ring): void {
    for (const listener of [...(this.#local.get(mailbox) ?? [])]) listener(ring);
    this.#bus.publish(mailbox, encodeRing(ring));
  }

  /** Every message may come twice (from here and back from the bus); listeners do not mind. */
  async listen(mailbox: MailboxId, listener: RingListener): Promise<() => void> {
    const leaveBus = await this.#bus.subscribe(mailbox, (message) => {
      const ring = decodeRing(message);
      if (ring) listener(ring);
    });
    const local = this.#local.get(mailbox) ?? new Set();
    this.#local.set(mailbox, local.add(listener));
    return () => {
      leaveBus();
      local.delete(listener);
      if (local.size === 0 && this.#local.get(mailbox) === local) this.#local.delete(mailbox);
    };
  }
}
