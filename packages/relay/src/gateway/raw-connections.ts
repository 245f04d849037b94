import { ServerResponse, STATUS_CODES, type IncomingMessage, type Server as HttpServer } from 'node:http';
import type { Socket as TcpSocket } from 'node:net';

import type { Server, Socket } from 'socket.io';

import type { RelayError } from '../errors.js';
import { normalAddress } from '../ops/address-list.js';
import type { TrustedProxies } from '../ops/client-address.js';
import type { WaitingRoom } from './waiting-room.js';

type Conn = Socket['conn'];

/** Whoever may not use the relay at all may still hear why, but not many times at once. */
const MOST_OF_DENIED = 20;

/** Enough to hear an answer. What an address is refused for does not pass while its connection waits: then it has to go. */
const HEAR_MS = 1_000;

interface RawOptions {
  /** Transports that have not been admitted. */
  room: WaitingRoom<Conn>;
  /** How long they may take to say hello. */
  helloMs: number;
  addressOf: (request: IncomingMessage) => string;
  /** Whether the address may use the relay at all. */
  admits: (request: IncomingMessage) => boolean;
}

/** Transports of Engine.IO, from their handshake until their device is admitted. */
export class RawConnections {
  readonly #options: RawOptions;
  readonly #gone: (this: Conn) => void;

  constructor(io: Server, options: RawOptions) {
    const { room, helloMs, addressOf } = options;
    this.#options = options;
    this.#gone = function () {
      room.leave(this);
    };
    io.engine.use(this.#turnAway.bind(this));
    io.engine.on('connection', (conn: Conn) => {
      room.enter(conn, addressOf(conn.request), performance.now() + helloMs);
      conn.on('close', this.#gone);
    });
  }

  asked(conn: Conn): void {
    this.#options.room.asked(conn);
  }

  refused(conn: Conn, { code }: RelayError): void {
    const mayStay = code !== 'address-refused' && code !== 'rate-limited';
    this.#options.room.refused(conn, performance.now() + HEAR_MS, mayStay);
  }

  admitted(conn: Conn): void {
    this.#options.room.leave(conn);
    conn.off('close', this.#gone);
  }

  /** Ends those whose time is over. */
  sweep(): void {
    for (const conn of this.#options.room.overdue(performance.now())) end(conn);
  }

  /** Before anything is made for it: only what begins a transport has no session yet. */
  #turnAway(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    const { room, addressOf, admits } = this.#options;
    const isNew = request.method === 'GET' && !/[?&]sid=/.test(request.url ?? '');
    if (!isNew || room.hasRoom(addressOf(request), admits(request) ? undefined : MOST_OF_DENIED)) next();
    else refuseRaw(request, response, 429, { 'retry-after': '5', connection: 'close' });
  }
}

/** Before there is a transport. What Engine.IO hands out as the response to an upgrade cannot say anything. */
export function refuseRaw(
  request: IncomingMessage,
  response: object,
  status: number,
  headers: Record<string, string> = {},
): void {
  if (response instanceof ServerResponse) {
    response.writeHead(status, headers).end();
    return;
  }
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}`);
  const { socket } = request;
  socket.on('error', () => undefined);
  socket.end([`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines, '', ''].join('\r\n'), () => {
    socket.destroy();
  });
}

/** Node leaves what wants to become something else to whoever listens, for as long as it likes. */
export function refuseUpgrades(server: HttpServer, path: string): void {
  server.on('upgrade', (request, socket) => {
    if (!request.url?.startsWith(path)) socket.destroy();
  });
}

/** At once: a WebSocket that is closed politely waits half a minute for an answer. */
function end(conn: Conn): void {
  const socket: unknown = Reflect.get(conn.transport, 'socket');
  conn.close(true);
  if (isTerminable(socket)) socket.terminate();
}

function isTerminable(value: unknown): value is { terminate(): void } {
  return typeof value === 'object' && value !== null && 'terminate' in value && typeof value.terminate === 'function';
}

/** Connections on which nobody has asked for anything yet. Node itself ends those that take too long to. */
export function boundSilent(server: HttpServer, room: WaitingRoom<TcpSocket>, proxies: TrustedProxies): void {
  const left = ({ socket }: IncomingMessage) => {
    room.leave(socket);
    socket.off('close', gone);
  };
  const gone = function (this: TcpSocket) {
    room.leave(this);
  };
  server.on('connection', (socket: TcpSocket) => {
    const address = directAddress(socket, proxies);
    if (!room.hasRoom(address)) {
      socket.destroy();
      return;
    }
    room.enter(socket, address, Infinity);
    socket.on('close', gone);
  });
  server.on('request', left);
  server.on('upgrade', left);
}

/** Null behind a proxy of ours: only its requests say who calls. */
function directAddress(socket: TcpSocket, proxies: TrustedProxies): string | null {
  const address = normalAddress(socket.remoteAddress ?? '');
  if (address === null || (typeof proxies === 'number' ? proxies > 0 : proxies.has(address))) return null;
  return address;
}
