/** The process of a load generator: answers calls of `generator.ts`. */
import { Load } from './load.js';

type Method = Exclude<keyof Load, symbol>;

const load = new Load(process.argv[2] ?? '');

process.on('message', ({ method, argument }: { method: Method; argument: unknown }) => {
  (load[method] as (argument: unknown) => Promise<unknown>).call(load, argument).then(
    (result) => process.send?.({ result }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
