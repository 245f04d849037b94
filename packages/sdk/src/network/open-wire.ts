import { RelayError } from './relay-error.js';
import { WebSocketWire } from './web-socket-wire.js';
import type { Wire, WireEvents } from './wire.js';

/** Over a WebSocket; where there is none, or it does not come about, with Socket.IO's library, which can poll. */
export function openWire(origin: string, hello: object, events: WireEvents): Wire {
  let wire: Wire | null = null;
  let closed = false;
  const withLibrary = (): void => {
    import('./library-wire.js').then(
      ({ openLibraryWire }) => {
        if (!closed) wire = openLibraryWire(origin, hello, events);
      },
      () => {
        if (!closed) events.ended(null);
      },
    );
  };
  if ('WebSocket' in globalThis) wire = new WebSocketWire(origin, hello, events, withLibrary);
  else withLibrary();
  return {
    ask: (event, message) => wire?.ask(event, message) ?? Promise.reject(new RelayError(null)),
    close: () => {
      closed = true;
      wire?.close();
    },
  };
}
