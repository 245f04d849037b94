import { forbidEscapes } from './guards.js';
import type { Order } from './fleet.js';
import { runWorld } from './world.js';

/** A child process of `fleet.ts`: a seed comes, a report goes. */
forbidEscapes();
process.on('message', ({ seed, wish }: Order) => {
  void runWorld(seed, wish).then((report) => process.send?.(report));
});
