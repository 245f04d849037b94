import type { Bus, BusListener } from '@sotto/relay';

import type { Process } from '../core/process.js';
import type { Random } from '../core/random.js';

export interface BusWeather {
  slowest: number;
  losing: number;
  repeating: number;
}

type Channel = Parameters<Bus['publish']>[0];

interface Station {
  readonly process: Process;
  readonly channels: Map<Channel, Set<BusListener>>;
  readonly gaps: (() => void)[];
}

/** Pub/sub between the nodes: it loses, repeats and reorders, as its port allows. */
export class Exchange {
  readonly weather: BusWeather = { slowest: 5, losing: 0, repeating: 0 };
  #stations: Station[] = [];
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Tells every node that it may have missed something, as a renewed connection does. */
  gap(): void {
    for (const { process, gaps } of this.#stations) for (const tell of gaps) process.after(1, 'bus gap', tell);
  }

  connect(process: Process): Bus {
    const station: Station = { process, channels: new Map(), gaps: [] };
    this.#stations = [...this.#stations.filter((other) => !other.process.isDead), station];
    return {
      publish: (channel, message) => this.#publish(channel, message),
      subscribe: async (channel, listener) => {
        await process.sleep(this.#random.between(0, this.weather.slowest), 'bus subscribed');
        const listeners = station.channels.get(channel) ?? new Set();
        station.channels.set(channel, listeners.add(listener));
        return () => listeners.delete(listener);
      },
      onGap: (listener) => station.gaps.push(listener),
      check: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
  }

  #publish(channel: Channel, message: Uint8Array): void {
    for (const { process, channels } of this.#stations) {
      if (this.#random.chance(this.weather.losing)) continue;
      const copies = this.#random.chance(this.weather.repeating) ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        process.after(this.#random.between(0, this.weather.slowest), 'bus message', () => {
          for (const listener of channels.get(channel) ?? []) listener(message);
        });
      }
    }
  }
}
