/** Entry of the bundle that runs in a browser: leaves a function on the page for the driver to call. */
import { ours } from './ours.js';
import { measure, type Measurement } from './workload.js';

declare global {
  var benchOurs: ((options: { rounds: number; milliseconds: number }) => Promise<Measurement[]>) | undefined;
}

globalThis.benchOurs = async (options) => measure((await ours()).workloads, options);
