import type { ConnectionStatus } from '../history/connection-status.js';

interface Unstored {
  readonly tell: (status: ConnectionStatus) => void;
  readonly close: () => void;
}

/** Shows what cannot be stored in every tab: the news that storage is full reaches them past the storage. */
export function shareUnstored(name: string | null, show: (status: ConnectionStatus) => void): Unstored {
  if (name === null) return { tell: show, close: () => undefined };
  const channel = new BroadcastChannel(`${name}-unstored`);
  let isClosed = false;
  channel.addEventListener('message', ({ data }: MessageEvent<ConnectionStatus>) => show(data));
  return {
    tell: (status) => {
      show(status);
      if (!isClosed) channel.postMessage(status);
    },
    close: () => {
      isClosed = true;
      channel.close();
    },
  };
}
