import { fork } from 'node:child_process';
import { once } from 'node:events';

import type { Load } from './load/load.js';

type Method = Exclude<keyof Load, symbol>;
type Argument<M extends Method> = Parameters<Load[M]>;
type Result<M extends Method> = Load[M] extends (...argument: never[]) => Promise<infer Value> ? Value : never;

export interface Generator {
  pid: number;
  call<M extends Method>(method: M, ...argument: Argument<M>): Promise<Result<M>>;
  stop(): Promise<void>;
}

/** A {@link Load} in a process of its own. One call at a time. */
export function startGenerator(program: string, seed: string): Generator {
  const child = fork(program, [seed], { serialization: 'advanced', execArgv: [] });
  const { pid } = child;
  if (pid === undefined) throw new Error('The load generator did not start.');
  return {
    pid,
    async call<M extends Method>(method: M, ...[argument]: Argument<M>): Promise<Result<M>> {
      child.send({ method, argument });
      const ended = new AbortController();
      const [message] = (await Promise.race([
        once(child, 'message', { signal: ended.signal }),
        once(child, 'exit', { signal: ended.signal }).then(() => [{ error: 'the load generator ended' }]),
      ]).finally(() => ended.abort())) as [{ result: Result<M> } | { error: string }];
      if ('error' in message) throw new Error(message.error);
      return message.result;
    },
    async stop() {
      if (child.exitCode !== null) return;
      child.disconnect();
      await once(child, 'exit');
    },
  };
}
