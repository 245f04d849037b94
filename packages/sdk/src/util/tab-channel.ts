/** Transient words among the tabs of one user and the engine that one of them runs: nothing is stored, anything may be lost. */
export interface TabChannel {
  /** Reaches every other end, in this tab and in others, never the poster. The message is plain data. */
  post(message: unknown): void;
  /** What comes is not to be trusted: another version of the page may have posted it. */
  listen(hear: (message: unknown) => void): void;
  close(): void;
}

/** Makes ends of one channel. */
export type OpenTabChannel = () => TabChannel;

/** Among all tabs of the origin. */
export function broadcastTabChannel(name: string): OpenTabChannel {
  return () => {
    const channel = new BroadcastChannel(name);
    let isClosed = false;
    return {
      // What a timer still has to say when the client is closed is of no use to anyone.
      post: (message) => {
        if (!isClosed) channel.postMessage(message);
      },
      listen: (hear) => channel.addEventListener('message', ({ data }: MessageEvent<unknown>) => hear(data)),
      close: () => {
        isClosed = true;
        channel.close();
      },
    };
  };
}

/** Within one process, for stores that nobody else shares. */
export function localTabChannel(): OpenTabChannel {
  const ends = new Set<(message: unknown) => void>();
  return () => {
    let own: ((message: unknown) => void) | null = null;
    return {
      post: (message) =>
        queueMicrotask(() => {
          for (const hear of [...ends]) if (hear !== own) hear(message);
        }),
      listen: (hear) => {
        own = hear;
        ends.add(hear);
      },
      close: () => {
        if (own) ends.delete(own);
      },
    };
  };
}
