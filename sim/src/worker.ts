import { forbidEscapes } from './guards.js';
import { runWorld } from './world.js';

/** A child process of `fleet.ts`: a seed comes, a report goes. */
forbidEscapes();
process.on('message', (seed) => {
  void runWorld(seed as number).then((report) => process.send?.(report));
});
