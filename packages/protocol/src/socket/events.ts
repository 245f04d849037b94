import type * as z from 'zod/mini';

import { ack, type PlainReply } from './ack.js';
import { deliver, drained } from './deliver.js';
import { welcome } from './hello.js';
import { bye, deviceListChanged, freshToken, preKeysLow } from './notice.js';
import { submit, type SubmitReply } from './submit.js';

/** Client to relay; each is answered in the Socket.IO acknowledgement. */
export const up = { submit, ack, token: freshToken } as const;
export type UpEvent = keyof typeof up;
export interface UpReply {
  submit: SubmitReply;
  ack: PlainReply;
  token: PlainReply;
}

/** Relay to client. */
export const down = {
  welcome,
  deliver,
  drained,
  'prekeys-low': preKeysLow,
  'device-list-changed': deviceListChanged,
  bye,
} as const;
export type DownEvent = keyof typeof down;
export type DownMessage<E extends DownEvent> = z.infer<(typeof down)[E]>;

/** The Socket.IO path on the relay's origin. */
export const SOCKET_PATH = '/v1/socket';
