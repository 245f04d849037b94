/**
 * Loaded into a relay process before the relay (`--import`): says how much memory is in use after a collection of garbage, when
 * the parent asks. What the process holds beyond that, V8 has not given back yet: it says little.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

process.on('message', ({ measure }: { measure?: number }) => {
  if (measure === undefined) return;
  collect();
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({ measure, bytes: heapUsed + external });
});
process.channel?.unref();
