/** How many may wait, at once. */
export interface WaitingCaps {
  perAddress: number;
  perNode: number;
}

interface Wait {
  address: string | null;
  /** Whoever is still here then, and is not being looked at, has to go. */
  until: number;
  isAsking: boolean;
}

/**
 * Connections that nobody has proven anything on yet. They cost memory and a descriptor each, before any limit on what is asked for
 * is reached: so they are few, per address and on the whole node, and they do not stay long.
 *
 *     enter --asked--> asking --left--> (admitted)
 *       ^                 |
 *       '----refused------'      until its time is over: `overdue`
 */
export class WaitingRoom<Guest extends object> {
  readonly #caps: WaitingCaps;
  readonly #turnedAway: (by: keyof WaitingCaps) => void;
  readonly #guests = new Map<Guest, Wait>();
  readonly #addresses = new Map<string, number>();

  constructor(caps: WaitingCaps, turnedAway: (by: keyof WaitingCaps) => void = () => undefined) {
    this.#caps = caps;
    this.#turnedAway = turnedAway;
  }

  get size(): number {
    return this.#guests.size;
  }

  /**
   * Whether one more may enter; those who hear no are counted.
   *
   * @param address null: it is not known
   * @param most of this address, where that is less than of others
   */
  hasRoom(address: string | null, most = Infinity): boolean {
    const own = address === null ? 0 : (this.#addresses.get(address) ?? 0);
    if (own >= Math.min(most, this.#caps.perAddress)) this.#turnedAway('perAddress');
    else if (this.#guests.size >= this.#caps.perNode) this.#turnedAway('perNode');
    else return true;
    return false;
  }

  /** @param until milliseconds, on any clock: the one that {@link overdue} is asked by */
  enter(guest: Guest, address: string | null, until: number): void {
    this.leave(guest);
    this.#guests.set(guest, { address, until, isAsking: false });
    if (address !== null) this.#addresses.set(address, (this.#addresses.get(address) ?? 0) + 1);
  }

  /** It has said what it wants, and is not to go before it has its answer. */
  asked(guest: Guest): void {
    const wait = this.#guests.get(guest);
    if (wait) wait.isAsking = true;
  }

  /** @param until has to go then; `mayStay`: or when its own time is over, if that is later, for it may ask again */
  refused(guest: Guest, until: number, mayStay: boolean): void {
    const wait = this.#guests.get(guest);
    if (wait) Object.assign(wait, { isAsking: false, until: mayStay ? Math.max(wait.until, until) : until });
  }

  /** It was admitted, or is gone. */
  leave(guest: Guest): void {
    const address = this.#guests.get(guest)?.address;
    this.#guests.delete(guest);
    if (address === undefined || address === null) return;
    const left = (this.#addresses.get(address) ?? 1) - 1;
    if (left > 0) this.#addresses.set(address, left);
    else this.#addresses.delete(address);
  }

  /** Those whose time is over. They stay in the room until they leave. */
  overdue(now: number): Guest[] {
    return [...this.#guests].flatMap(([guest, { until, isAsking }]) => (until <= now && !isAsking ? [guest] : []));
  }
}
