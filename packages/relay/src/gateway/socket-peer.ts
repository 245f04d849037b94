import type { Socket as TcpSocket } from 'node:net';

import type { DownEvent, DownMessage } from '@sotto/protocol';
import type { Socket } from 'socket.io';

import type { Peer, Session } from './session.js';

/** Frames that wait for a slow socket; beyond these it gets no signals of topics. What is stored has its own window. */
const MAX_WAITING_FRAMES = 256;

/**
 * The Socket.IO end of a session. There are very many of these, and they mostly wait: no closures, no timers, no listeners
 * of their own.
 */
export class SocketPeer implements Peer {
  session: Session | null = null;
  readonly #socket: Socket;
  readonly #tcp: TcpSocket | null;
  #waiting = 0;
  #isCorked = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    // A connection that began with polling has another TCP socket, and is rare.
    this.#tcp = socket.conn.transport.name === 'websocket' ? socket.request.socket : null;
  }

  emit<E extends DownEvent>(event: E, message: DownMessage<E>): void {
    this.#waiting++;
    this.#socket.emit(event, message);
  }

  isBehind(): boolean {
    return this.#waiting >= MAX_WAITING_FRAMES;
  }

  close(): void {
    this.#socket.disconnect(true);
  }

  /** What waits is about to be written. */
  flushing(): void {
    this.#cork();
  }

  /** What waited was handed to the transport, which takes more only when it has sent what it had. */
  flushed(): void {
    this.#waiting = 0;
  }

  /**
   * One system call for everything that a socket sends in one go. A commit answers many submits of a socket at once, and the
   * transport would write each frame by itself; what it hands to TCP is held back until the work under way is done, which
   * is still the same turn of the event loop.
   */
  #cork(): void {
    if (this.#isCorked || !this.#tcp || this.#tcp.destroyed) return;
    this.#isCorked = true;
    this.#tcp.cork();
    process.nextTick(SocketPeer.#uncork, this);
  }

  static #uncork(peer: SocketPeer): void {
    peer.#isCorked = false;
    peer.#tcp?.uncork();
  }
}
