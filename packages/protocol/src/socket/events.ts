import type * as s from '../schema.js';

import { ack, type PlainReply } from './ack.js';
import { deliver, drained } from './deliver.js';
import { welcome } from './hello.js';
import { bye, deviceExpiring, deviceListChanged, freshToken, preKeysLow } from './notice.js';
import { submit, type SubmitReply } from './submit.js';
import { join, leave, publish, topicJoined, topicLeft, topicMessage } from './topic.js';

/** Client to relay; each is answered in the Socket.IO acknowledgement. */
export const up = { submit, ack, token: freshToken, join, leave, publish } as const;
export type UpEvent = keyof typeof up;
export interface UpReply {
  submit: SubmitReply;
  ack: PlainReply;
  token: PlainReply;
  join: PlainReply;
  leave: PlainReply;
  publish: PlainReply;
}

/** Relay to client. */
export const down = {
  welcome,
  deliver,
  drained,
  'prekeys-low': preKeysLow,
  'device-list-changed': deviceListChanged,
  'device-expiring': deviceExpiring,
  topic: topicMessage,
  joined: topicJoined,
  left: topicLeft,
  bye,
} as const;
export type DownEvent = keyof typeof down;
export type DownMessage<E extends DownEvent> = s.Infer<(typeof down)[E]>;

/** The Socket.IO path on the relay's origin. */
export const SOCKET_PATH = '/v1/socket';
