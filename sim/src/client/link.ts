import { RelayError, type RelayPort, type RelayRequest } from '@sotto/sdk/testing';

import type { Process } from '../core/process.js';
import type { Random } from '../core/random.js';
import type { Scheduler } from '../core/scheduler.js';
import type { Cluster } from '../relay/cluster.js';
import type { RelayNode } from '../relay/node.js';
import { ANSWER_MS, Connection, type Tap } from './connection.js';

export interface NetworkWeather {
  /** False: nothing gets through. */
  up: boolean;
  slowest: number;
  /** Chance that a request, or its answer, is lost. */
  losing: number;
  /** Chance that a request arrives twice. */
  repeating: number;
}

/** A dead route is usually noticed at once. */
const REFUSED_MS = 50;

/** The way between one device and the relay. */
export class Link {
  readonly weather: NetworkWeather = { up: true, slowest: 60, losing: 0, repeating: 0 };
  readonly #connections = new Set<Connection>();
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  readonly #cluster: Cluster;
  readonly #tap: Tap;

  constructor(scheduler: Scheduler, random: Random, cluster: Cluster, tap: Tap) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.#cluster = cluster;
    this.#tap = tap;
  }

  get connections(): readonly Connection[] {
    return [...this.#connections];
  }

  /** The network as one tab has it. */
  port(process: Process): RelayPort {
    return {
      request: (request) => this.#request(process, request),
      connect: (hello, handlers) => {
        const node = this.weather.up ? this.#cluster.route() : null;
        if (!node) {
          const cancel = process.after(this.#random.between(1, REFUSED_MS), 'no connection', () =>
            handlers.onClose(null),
          );
          return { submit: gone, ack: gone, token: gone, join: gone, leave: gone, publish: gone, close: cancel };
        }
        const connection = new Connection(
          {
            client: process,
            node,
            handlers,
            latency: () => this.#latency(),
            tap: this.#tap,
            onEnd: (ended) => this.#connections.delete(ended),
          },
          hello,
          () => this.#scheduler.now,
        );
        this.#connections.add(connection);
        return connection.socket;
      },
    };
  }

  /** The network goes away: either with a word, or without. */
  cut(how: 'reset' | 'silent'): void {
    this.weather.up = false;
    this.breakSockets(how);
  }

  breakSockets(how: 'reset' | 'silent' | 'up' | 'down'): void {
    for (const connection of this.#connections) {
      if (how === 'reset') connection.reset();
      else connection.sever(how === 'silent' ? 'both' : how, () => this.#random.fraction());
    }
  }

  processDied(process: Process): void {
    for (const connection of this.#connections) if (connection.client === process) connection.clientDied();
  }

  /** A frozen tab answers no heartbeat. */
  processFrozen(process: Process): void {
    for (const connection of this.#connections) if (connection.client === process) connection.clientFrozen();
  }

  nodeDied(node: RelayNode): void {
    for (const connection of this.#connections) if (connection.node === node) connection.nodeDied();
  }

  async #request(process: Process, request: RelayRequest): Promise<unknown> {
    const node = this.weather.up ? this.#cluster.route() : null;
    if (!node) {
      await process.sleep(this.#random.between(1, REFUSED_MS), 'no connection');
      throw new RelayError(null);
    }
    const wire = JSON.parse(JSON.stringify(request)) as RelayRequest;
    return new Promise((resolve, reject) => {
      const cancel = process.after(ANSWER_MS, 'request timeout', () => reject(new RelayError(null)));
      const copies = this.#random.chance(this.weather.repeating) ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        if (this.#lost()) continue;
        node.process.after(this.#latency(), `<- ${process.name} ${wire.method} ${wire.path}`, () => {
          void node.request(wire).then((answer) => {
            if (this.#lost()) return;
            const text = JSON.stringify(answer);
            process.after(
              this.#latency(),
              `<- ${node.process.name} answer ${answer.ok ? 'ok' : answer.error.code}`,
              () => {
                cancel();
                const parsed = JSON.parse(text) as typeof answer;
                if (parsed.ok) resolve(parsed.body);
                else reject(new RelayError(parsed.error));
              },
            );
          });
        });
      }
    });
  }

  #lost(): boolean {
    return !this.weather.up || this.#random.chance(this.weather.losing);
  }

  #latency(): number {
    // Mostly quick, sometimes very late.
    const { slowest } = this.weather;
    return this.#random.chance(0.03) ? this.#random.between(0, 10 * slowest) : this.#random.between(1, slowest);
  }
}

const gone = (): Promise<never> => Promise.reject(new RelayError(null));
