import { aciOf } from '@sotto/relay';
import {
  tabClient,
  tabEngine,
  tabFront,
  type Client,
  type Engine,
  type Front,
  type TabPorts,
} from '@sotto/sdk/testing';

import { Process } from '../core/process.js';
import type { Random } from '../core/random.js';
import type { Scheduler } from '../core/scheduler.js';
import { APP, makeToken } from '../relay/tokens.js';
import { attach } from './disk.js';
import type { Device } from './device.js';
import type { Candidate } from './web-lock.js';

/** After resigning, as `client/election.ts` has it. */
const RESIGNED_MS = 1_000;

/** One-time prekeys of each kind: few, so that they run out and refill. */
const PREKEY_STOCK = 6;

/** One tab of a device: the public API, and while it holds the lock, an engine. */
export class Tab implements Candidate {
  readonly process: Process;
  readonly front: Front;
  readonly client: Client;
  #engine: Engine | null = null;
  /** Grows with each leadership, so that an engine which was late to start is ended at once. */
  #leadership = 0;
  readonly #device: Device;
  readonly #random: Random;
  readonly #ports: TabPorts;

  constructor(device: Device, name: string, scheduler: Scheduler, random: Random) {
    this.#device = device;
    this.#random = random;
    this.process = new Process(name, scheduler);
    const access = { process: this.process, scheduler, random: random.fork('disk'), weather: () => device.disk };
    const onCommit = device.onCommit;
    const history = attach({
      ...access,
      name: 'history',
      profile: device.history,
      onCommit: (c) => onCommit('history', c),
    });
    const vault = attach({ ...access, name: 'vault', profile: device.vault, onCommit: (c) => onCommit('vault', c) });
    this.#ports = {
      app: APP,
      user: aciOf(APP, device.user),
      userName: device.user,
      preKeyStock: PREKEY_STOCK,
      history,
      vault,
      relay: device.link.port(this.process),
      clock: this.process.clock(() => device.clockOffset),
      random: random.bytes,
    };
    this.front = tabFront(this.#ports);
    this.client = tabClient(this.front);
    device.lock.request(this);
  }

  get leads(): boolean {
    return this.#engine !== null;
  }

  granted(): void {
    void this.#lead(++this.#leadership);
  }

  lost(): void {
    this.#leadership++;
    void this.#stop().finally(() => this.#again());
  }

  retryNow(): void {
    this.#engine?.retryNow();
  }

  /** Closed by the person: what `pagehide` does. */
  close(): void {
    this.#leadership++;
    void this.#stop().finally(() => {
      this.#device.lock.release(this);
      this.#device.ended(this);
    });
  }

  freeze(): void {
    this.process.freeze();
    if (this.#device.lock.holder === this) this.#device.lock.holderFrozen();
  }

  async #lead(leadership: number): Promise<void> {
    try {
      const engine = await tabEngine(this.#ports, {
        token: () => this.#token(),
        onSuperseded: () => this.#resign(leadership),
      });
      if (leadership === this.#leadership) this.#engine = engine;
      else await engine.stop();
    } catch {
      this.#resign(leadership);
    }
  }

  #resign(leadership: number): void {
    if (leadership !== this.#leadership) return;
    this.#leadership++;
    void this.#stop().finally(() => this.#again());
  }

  #again(): void {
    this.#device.lock.release(this);
    this.process.after(RESIGNED_MS, 'stands again', () => this.#device.lock.request(this));
  }

  async #stop(): Promise<void> {
    const engine = this.#engine;
    this.#engine = null;
    await engine?.stop();
  }

  async #token(): Promise<string> {
    const { link } = this.#device;
    await this.process.sleep(this.#random.between(5, 100), 'token');
    if (!link.weather.up) throw new Error('no network');
    return makeToken(this.#device.user, this.#device.now(), this.#device.tokenMs);
  }
}
