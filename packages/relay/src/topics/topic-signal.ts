import { Buffer } from 'node:buffer';

import { limits } from '@sotto/protocol';

/** What the subscriptions of a topic hear of one another. */
export type TopicSignal =
  | { kind: 'message'; payload: Uint8Array }
  | { kind: 'joined'; tag: Uint8Array }
  | { kind: 'left'; tag: Uint8Array; will?: Uint8Array };

const KINDS = { message: 1, joined: 2, left: 3, leftWithWill: 4 } as const;

/** Bytes of a node's name, so that it does not hear itself over the bus. */
export const NODE_BYTES = 8;
const TAG_BYTES = 16;
const HEAD = 1 + NODE_BYTES;

/** On the bus: `u8 kind | node | tag, unless it is a message | payload or will`. The topic is the channel. */
export function encodeSignal(node: Uint8Array, signal: TopicSignal): Uint8Array {
  switch (signal.kind) {
    case 'message':
      return Buffer.concat([Buffer.of(KINDS.message), node, signal.payload]);
    case 'joined':
      return Buffer.concat([Buffer.of(KINDS.joined), node, signal.tag]);
    case 'left':
      return signal.will
        ? Buffer.concat([Buffer.of(KINDS.leftWithWill), node, signal.tag, signal.will])
        : Buffer.concat([Buffer.of(KINDS.left), node, signal.tag]);
  }
}

/** @returns null for what this version does not understand */
export function decodeSignal(message: Uint8Array): { node: Uint8Array; signal: TopicSignal } | null {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const signal = signalOf(bytes[0], bytes.subarray(HEAD));
  return signal && { node: bytes.subarray(1, HEAD), signal };
}

function signalOf(kind: number | undefined, body: Buffer): TopicSignal | null {
  const [tag, will] = [body.subarray(0, TAG_BYTES), body.subarray(TAG_BYTES)];
  switch (kind) {
    case KINDS.message:
      return isPayload(body) ? { kind: 'message', payload: body } : null;
    case KINDS.joined:
      return body.length === TAG_BYTES ? { kind: 'joined', tag } : null;
    case KINDS.left:
      return body.length === TAG_BYTES ? { kind: 'left', tag } : null;
    case KINDS.leftWithWill:
      return isPayload(will) ? { kind: 'left', tag, will } : null;
    default:
      return null;
  }
}

function isPayload(bytes: Buffer): boolean {
  return bytes.length >= 1 && bytes.length <= limits.MAX_TOPIC_PAYLOAD_BYTES;
}
