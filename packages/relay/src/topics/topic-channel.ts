import { createHmac } from 'node:crypto';

import type { AppId } from '@sotto/protocol';

declare const brand: unique symbol;
/** Names a topic inside the relay: in memory and on the bus. */
export type TopicChannel = string & { readonly [brand]: 'TopicChannel' };

/**
 * Who reads the bus or the memory of a node does not learn topic ids, and so cannot join; the app is part of the name,
 * so no topic is reachable from another app.
 *
 * @param relayKey 32 bytes, the same on all nodes
 */
export function topicChannel(relayKey: Uint8Array, app: AppId, topic: Uint8Array): TopicChannel {
  const digest = createHmac('sha256', relayKey).update(`sotto topic v1\0${app}\0`).update(topic).digest('base64url');
  return `topic:${digest}` as TopicChannel;
}
