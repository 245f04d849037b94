/** One end of the way between a page and its worker. */
export interface CallPort {
  postMessage(message: unknown): void;
  addEventListener(event: 'message', hear: (event: MessageEvent<unknown>) => void): void;
}

/** What one end lets the other call: plain data in, one argument or none, and plain data out. */
type Calls<T> = { readonly [N in keyof T]: (argument: never) => unknown };

/** Something went wrong at the other end. */
export class CallError extends Error {
  override readonly name = 'CallError';

  /** @param code of the error there, if it had one */
  constructor(readonly code: unknown) {
    super(String(code));
  }
}

interface Asked {
  readonly call: string;
  readonly argument: unknown;
  /** Null: nobody waits for an answer. */
  readonly id: number | null;
}

interface Answered {
  readonly answers: number;
  readonly value: unknown;
  /** Then `value` is the error's code. */
  readonly failed: boolean;
}

export interface Caller<Theirs extends Calls<Theirs>> {
  /** Without an answer. */
  readonly tell: <N extends keyof Theirs & string>(name: N, ...argument: Parameters<Theirs[N]>) => void;
  /** @throws CallError */
  readonly call: <N extends keyof Theirs & string>(
    name: N,
    ...argument: Parameters<Theirs[N]>
  ) => Promise<Awaited<ReturnType<Theirs[N]>>>;
  /** The other end is gone: what is asked, or was, fails with the code {@link GONE}. */
  readonly end: () => void;
}

export const GONE = 'gone';

/** Both ends are of one build and trust each other: nothing is parsed. */
export function callsOver<Theirs extends Calls<Theirs>, Ours extends Calls<Ours>>(
  port: CallPort,
  ours: Ours,
): Caller<Theirs> {
  const own = new Map<string, (argument: never) => unknown>(Object.entries(ours));
  const waiting = new Map<number, (answer: Answered) => void>();
  let last = 0;
  let isGone = false;
  const post = (message: Asked | Answered): void => port.postMessage(message);
  const answer = async ({ call, id, argument }: Asked): Promise<void> => {
    let value: unknown;
    let failed = false;
    try {
      value = await own.get(call)?.(argument as never);
    } catch (error) {
      value = (error as { code?: unknown } | undefined)?.code ?? null;
      failed = true;
    }
    if (id !== null) post({ answers: id, value, failed });
  };
  port.addEventListener('message', ({ data }) => {
    const said = data as Asked | Answered;
    if ('call' in said) return void answer(said);
    waiting.get(said.answers)?.(said);
    waiting.delete(said.answers);
  });
  return {
    tell: (call, ...[argument]) => post({ call, argument, id: null }),
    call: (call, ...[argument]) =>
      new Promise((resolve, reject) => {
        if (isGone) {
          reject(new CallError(GONE));
          return;
        }
        waiting.set(++last, ({ value, failed }) => (failed ? reject(new CallError(value)) : resolve(value as never)));
        post({ call, argument, id: last });
      }),
    end: () => {
      isGone = true;
      for (const [answers, hear] of waiting) hear({ answers, value: GONE, failed: true });
      waiting.clear();
    },
  };
}
