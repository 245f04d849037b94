import { Process } from '../core/process.js';
import type { Random } from '../core/random.js';
import type { Scheduler } from '../core/scheduler.js';
import { Exchange } from './bus.js';
import { RelayDisk, type StoreObserver } from './disk.js';
import { RelayNode } from './node.js';

export interface ClusterOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly nodes: number;
  readonly quota: number;
  readonly observer: StoreObserver;
  readonly onFault: (error: unknown) => void;
}

/** The relay: nodes that come and go around one database and one bus. */
export class Cluster {
  readonly disk: RelayDisk;
  readonly exchange: Exchange;
  readonly #options: ClusterOptions;
  readonly #random: Random;
  readonly #slots: (RelayNode | null)[];
  #started = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#random = options.random.fork('nodes');
    this.disk = new RelayDisk(options.random.fork('disk'), options.observer);
    this.exchange = new Exchange(options.random.fork('bus'));
    this.#slots = Array.from({ length: options.nodes }, () => null);
  }

  async start(): Promise<void> {
    for (const [slot, node] of this.#slots.entries()) if (!node) await this.#startNode(slot);
  }

  /** Where a load balancer sends somebody: null when that node is down. */
  route(): RelayNode | null {
    return this.#random.pick(this.#slots.map((node) => ({ node }))).node;
  }

  /** A node dies with all that it had not committed, and comes back after a while. */
  crash(slot: number, downMs: number): void {
    this.#kill(slot);
    this.#options.scheduler.after(downMs, `node ${slot} starts`, () => {
      if (!this.#slots[slot]) void this.#startNode(slot);
    });
  }

  /** All nodes end, the database is put back to an older state, and they start on it. */
  async rollBack(length: number): Promise<void> {
    for (const slot of this.#slots.keys()) this.#kill(slot);
    await this.disk.rollBack(length);
    await this.start();
  }

  /** Ends the process; what the sockets' other ends notice, the connections know. */
  onKilled: (node: RelayNode) => void = () => undefined;

  #kill(slot: number): void {
    const node = this.#slots[slot];
    if (!node) return;
    this.#slots[slot] = null;
    node.process.kill();
    this.onKilled(node);
  }

  async #startNode(slot: number): Promise<void> {
    const { scheduler, random, quota, onFault } = this.#options;
    const process = new Process(`node${slot}.${this.#started++}`, scheduler);
    this.#slots[slot] = await RelayNode.start({
      process,
      store: this.disk.connect(process),
      bus: this.exchange.connect(process),
      random: random.fork(process.name),
      quota,
      onFault,
    });
  }
}
