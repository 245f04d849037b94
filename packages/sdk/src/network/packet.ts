import { limits } from '@sotto/protocol';

import { decodeMessagePack } from './message-pack.js';

/** Socket.IO packets: https://github.com/socketio/socket.io-protocol */
export const CONNECT = 0;
export const DISCONNECT = 1;
export const EVENT = 2;
export const ACK = 3;
export const CONNECT_ERROR = 4;

/** What a relay says, as far as Socket.IO goes. */
export type Packet =
  | { readonly type: typeof CONNECT | typeof DISCONNECT }
  | { readonly type: typeof EVENT; readonly data: readonly [string, unknown?] }
  | { readonly type: typeof ACK; readonly id: number; readonly data: readonly [unknown?] }
  | { readonly type: typeof CONNECT_ERROR; readonly data: { readonly data?: unknown } };

/** @throws RangeError, TypeError when it is none, or longer than what any relay has to say */
export function readPacket(frame: Uint8Array): Packet {
  if (frame.length > limits.MAX_FRAME_BYTES) throw new RangeError('the frame is too long');
  const packet = decodeMessagePack(frame);
  if (!isPacket(packet)) throw new TypeError('no Socket.IO packet');
  return packet;
}

function isPacket(value: unknown): value is Packet {
  if (typeof value !== 'object' || value === null) return false;
  const { type, id, data } = value as { type?: unknown; id?: unknown; data?: unknown };
  if (type === CONNECT || type === DISCONNECT) return true;
  if (type === CONNECT_ERROR) return typeof data === 'object' && data !== null;
  if (!Array.isArray(data) || data.length > 2) return false;
  return type === EVENT ? typeof data[0] === 'string' : type === ACK && typeof id === 'number';
}
