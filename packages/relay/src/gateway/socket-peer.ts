import { Buffer } from 'node:buffer';

import type { Deliver, DownEvent, DownMessage } from '@sotto/protocol';
import type { Socket } from 'socket.io';

import { RelayError } from '../errors.js';
import { HotReader } from './hot-reader.js';
import { writeDeliver, writeReply } from './hot-writer.js';
import type { MessagePackWriter } from './message-pack.js';
import type { Peer, Session } from './session.js';

/** Frames that wait for a slow socket; beyond these it gets no signals of topics. What is stored has its own window. */
const MAX_WAITING_FRAMES = 256;

/**
 * Packets that may come before the transport has taken an answer: several times what may be under way. Whoever sends and does not
 * read would have all the answers kept for it.
 */
const MAX_UNANSWERED = 4_096;

/** Packets beyond this are not copied together. */
const MAX_JOINED_BYTES = 64 * 1024;

/**
 * The Socket.IO end of a session. There are very many of these, and they mostly wait: no closures, no timers, no listeners
 * of their own.
 *
 * What comes thousands of times a second (submits and acknowledgements with their answers, deliveries) is read and
 * written straight from and to the connection, as the same Socket.IO packets; clients cannot tell the difference.
 * Everything else goes through the library. What is written in one turn of the event loop leaves with one system call: a
 * commit answers many submits of a socket at once.
 */
export class SocketPeer implements Peer {
  session: Session | null = null;
  readonly #socket: Socket;
  /** Where packets go that are not read here. */
  readonly #library: readonly ((packet: unknown) => void)[];
  #reader: HotReader | null = null;
  #packets: MessagePackWriter[] = [];
  #waiting = 0;
  /** Packets that came since the transport last took all it was given. */
  #unanswered = 0;

  /** From now on the connection's packets must be given to {@link received}. */
  constructor(socket: Socket) {
    this.#socket = socket;
    this.#library = socket.conn.listeners('data') as ((packet: unknown) => void)[];
  }

  received(packet: unknown): void {
    if (++this.#unanswered > MAX_UNANSWERED) {
      this.session?.bye(new RelayError('rate-limited', 'Answers wait to be read.'));
      return;
    }
    const request = (this.#reader ??= new HotReader()).read(packet);
    if (!request || !this.session) for (const listener of this.#library) listener(packet);
    else if (request.event === 'submit') {
      this.session.submit(request.message, (reply) => {
        this.#send(writeReply(request.replyTo, reply));
      });
    } else {
      this.session.ack(request.message, (reply) => {
        this.#send(writeReply(request.replyTo, reply));
      });
    }
  }

  emit<E extends DownEvent>(event: E, message: DownMessage<E>): void {
    if (event === 'deliver') {
      this.#send(writeDeliver(message as Deliver));
      return;
    }
    this.#flush();
    this.#waiting++;
    this.#socket.emit(event, message);
  }

  isBehind(): boolean {
    return this.#waiting >= MAX_WAITING_FRAMES;
  }

  close(): void {
    this.#flush();
    this.#socket.disconnect(true);
  }

  /** What waited was handed to the transport, which takes more only when it has sent what it had. */
  flushed(): void {
    this.#waiting = 0;
    this.#unanswered = 0;
  }

  #send(packet: MessagePackWriter): void {
    if (this.#packets.push(packet) === 1) process.nextTick(SocketPeer.#flushOf, this);
  }

  static #flushOf(peer: SocketPeer): void {
    peer.#flush();
  }

  /** Also before anything that goes through the library, so that nothing is overtaken. */
  #flush(): void {
    const packets = this.#packets;
    if (packets.length === 0) return;
    this.#packets = [];
    // Polling has no frames, and may become a WebSocket at any time.
    if (this.#socket.conn.transport.name !== 'websocket') for (const each of packets) this.#write(each.message());
    else for (const frames of joined(packets)) this.#write(frames, { wsPreEncodedFrame: [frames] });
  }

  /** `wsPreEncodedFrame` is what Socket.IO itself broadcasts with: the transport hands it to TCP as it is. */
  #write(bytes: Buffer, options: { wsPreEncodedFrame?: Buffer[] } = {}): void {
    this.#waiting++;
    this.#socket.conn.write(bytes, { compress: false, ...options });
  }
}

function joined(packets: readonly MessagePackWriter[]): Buffer[] {
  const frames = packets.map((packet) => packet.frame());
  const size = frames.reduce((total, { length }) => total + length, 0);
  return frames.length === 1 || size > MAX_JOINED_BYTES ? frames : [Buffer.concat(frames, size)];
}
