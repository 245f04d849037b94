import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';

import { limits, SOCKET_PATH } from '@sotto/protocol';
import { Server, type ServerOptions, type Socket } from 'socket.io';
import parser from 'socket.io-msgpack-parser';

import type { AppRegistry } from '../apps/app-registry.js';
import type { RelayCore } from '../core.js';
import { RelayError } from '../errors.js';
import type { Proven } from '../observer.js';
import type { AddressRules } from '../ops/address-list.js';
import { clientAddress, clientIp, type TrustedProxies } from '../ops/client-address.js';
import type { Admission } from './admission.js';
import { toRefusal } from './refusal.js';
import { RawConnections, refuseRaw, refuseUpgrades } from './raw-connections.js';
import { SocketPeer } from './socket-peer.js';
import type { WaitingRoom } from './waiting-room.js';

/** A transport that is not admitted within this is closed, whoever's fault it is: its client tries again. */
const CONNECT_TIMEOUT_MS = 10_000;

/** Half-open connections are found after interval + timeout. */
const PING_INTERVAL_MS = 20_000;
const PING_TIMEOUT_MS = 15_000;

const SETTINGS: Partial<ServerOptions> = {
  path: SOCKET_PATH,
  parser,
  serveClient: false,
  maxHttpBufferSize: limits.MAX_FRAME_BYTES,
  perMessageDeflate: false,
  httpCompression: false,
  connectTimeout: CONNECT_TIMEOUT_MS,
  pingInterval: PING_INTERVAL_MS,
  pingTimeout: PING_TIMEOUT_MS,
  // Who may connect from where is decided per app, when the token has named it.
  cors: { origin: true },
  // Those of other paths are closed at once.
  destroyUpgrade: false,
};

interface GatewayOptions {
  core: RelayCore;
  apps: AppRegistry;
  /** Proxies of the operator in front of the relay, whose `x-forwarded-for` is believed. */
  trustedProxies: TrustedProxies;
  /** Who may use the relay at all. */
  addresses: AddressRules;
  /** Transports that have not been admitted, and how long they may take to say hello. */
  waiting: WaitingRoom<Socket['conn']>;
  helloMs: number;
  onError: (error: unknown) => void;
}

export interface Gateway {
  io: Server;
  /** Ends the transports that have not said hello in time. To be called every second or so. */
  sweep: () => void;
}

/** Socket.IO in front of the core: admits, and passes events through. Knows nothing of mailboxes. */
export function attachGateway(server: HttpServer, options: GatewayOptions): Gateway {
  const { core, apps, trustedProxies, addresses, waiting, helloMs, onError } = options;
  const io = new Server(server, SETTINGS);
  const admissions = new WeakMap<Socket, Admission>();
  /** Connections that have asked to be admitted and were not refused. */
  const taken = new WeakSet<Socket['conn']>();

  keepNoRooms(io);
  io.engine.use(refuseMethods);
  refuseUpgrades(server, `${SOCKET_PATH}/`);
  const raw = new RawConnections(io, {
    room: waiting,
    helloMs,
    addressOf: (request) => clientAddress(request, trustedProxies),
    admits: (request) => addresses.admits(clientIp(request, trustedProxies)),
  });

  io.use((socket, next) => {
    // A connection is one session's, from its hello to its end.
    if (taken.has(socket.conn)) {
      next(connectError(new RelayError('bad-request', 'This connection has said hello already.')));
      return;
    }
    taken.add(socket.conn);
    raw.asked(socket.conn);
    let who: Proven | null = null;
    const onProven = (proven: Proven) => (who = proven);
    admit(socket, onProven).then(
      (admission) => {
        admissions.set(socket, admission);
        next();
      },
      (error: unknown) => {
        taken.delete(socket.conn);
        const refusal = toRefusal(error, onError);
        raw.refused(socket.conn, refusal);
        core.refused(refusal, { ...who, address: clientAddress(socket.request, trustedProxies), via: 'socket' });
        next(connectError(refusal));
      },
    );
  });

  async function admit(socket: Socket, onProven: (who: Proven) => void): Promise<Admission> {
    if (!addresses.admits(clientIp(socket.request, trustedProxies))) throw new RelayError('address-refused');
    const ip = clientAddress(socket.request, trustedProxies);
    await core.limit({ limit: 'connectionsPerAddress', key: ip });
    const admission = await core.admit(socket.handshake.auth, ip, onProven);
    const { app } = admission.login;
    if (!apps.allowsOrigin(app, socket.handshake.headers.origin)) {
      throw new RelayError('origin-refused', undefined, { app });
    }
    return admission;
  }

  openSessions(io, core, (socket) => {
    raw.admitted(socket.conn);
    const admission = admissions.get(socket);
    admissions.delete(socket);
    return admission;
  });
  return { io, sweep: () => raw.sweep() };
}

/** One listener each for all sockets, which finds its socket by `this` or as an argument: one for each would be memory. */
function openSessions(io: Server, core: RelayCore, admitted: (socket: Socket) => Admission | undefined): void {
  const peers = new WeakMap<Socket['conn'], SocketPeer>();

  io.on('connection', (socket) => {
    const admission = admitted(socket);
    if (!admission) return void socket.disconnect(true);
    const peer = new SocketPeer(socket);
    peers.set(socket.conn, peer);
    socket.conn.removeAllListeners('data');
    socket.conn.on('data', onData);
    forgetRequest(socket);
    // Before there is a session: it may end while it begins.
    socket.on('disconnect', onDisconnect);
    socket.onAny(onEvent);
    peer.session = core.open(admission, peer);
    if (!socket.connected) peer.session.close();
  });
  io.engine.on('drain', (conn: Socket['conn']) => peers.get(conn)?.flushed());

  function onData(this: Socket['conn'], packet: unknown): void {
    peers.get(this)?.received(packet);
  }

  function onDisconnect(this: Socket): void {
    peers.get(this.conn)?.session?.close();
    // A client may leave with a packet, and stay on the connection.
    this.conn.close();
  }

  function onEvent(this: Socket, event: string, ...rest: unknown[]): void {
    const reply = rest.at(-1);
    // Without a callback there is no place for an answer, and nothing in this protocol is sent without one.
    if (!isReply(reply)) return;
    void peers
      .get(this.conn)
      ?.session?.handle(event, rest.length === 2 ? rest[0] : undefined)
      .then(reply);
  }
}

/** Nobody is in a room here; by default every socket is in one of its own, which costs it two sets and two entries of maps. */
function keepNoRooms(io: Server): void {
  const { adapter } = io.of('/');
  adapter.addAll = () => undefined;
  adapter.delAll = () => undefined;
}

/** Whoever is let in needs its request, with headers and token, no more; it would be kept as long as the connection. */
function forgetRequest(socket: Socket): void {
  const conn: { request: IncomingMessage | null } = socket.conn;
  conn.request = null;
  const known: { handshake: unknown } = socket;
  known.handshake = null;
}

/** Engine.IO answers other methods on a living session with 500. */
function refuseMethods(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  if (['GET', 'POST', 'OPTIONS'].includes(request.method ?? '')) next();
  else refuseRaw(request, response, 405, { allow: 'GET, POST' });
}

function isReply(value: unknown): value is (answer: unknown) => void {
  return typeof value === 'function';
}

/** Socket.IO hands `message` and `data` of this error to the client as `connect_error`. */
function connectError(refusal: RelayError): Error {
  return Object.assign(new Error(refusal.code), { data: refusal.body });
}
