import type { Socket as TcpSocket } from 'node:net';

import type { Socket } from 'socket.io';

/**
 * One system call for everything that a socket sends in one go. A commit answers many submits of a socket at once, and the
 * transport would write each frame by itself; what it hands to TCP is held back until the work under way is done, which is
 * still the same turn of the event loop.
 */
export function corkWrites({ conn, request }: Socket): void {
  // A connection that began with polling has another TCP socket, and is rare.
  if (conn.transport.name !== 'websocket') return;
  const tcp: TcpSocket = request.socket;
  let isCorked = false;
  conn.on('flush', () => {
    if (isCorked || tcp.destroyed) return;
    isCorked = true;
    tcp.cork();
    process.nextTick(() => {
      isCorked = false;
      tcp.uncork();
    });
  });
}
