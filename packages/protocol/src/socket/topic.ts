import * as s from '../schema.js';

import { binary } from '../bytes.js';
import { MAX_TOPIC_PAYLOAD_BYTES } from '../limits.js';

/**
 * Topics: transient publish and subscribe of ciphertext (typing, presence). Nothing is stored, anything may be lost.
 *
 * - A socket subscribes with `join`. The others get `joined`, after the newcomer hears what they publish from then on:
 *   a hint to publish their state once more.
 * - `publish` reaches every other subscription of the topic, never the publisher's own socket. Only who has joined may.
 * - When a subscription ends, the others get `left`: with the `will` when the socket went without `leave`, without one
 *   after `leave`. A relay node that dies says nothing, and the relay could forge it: a hint, confirmed by time-out.
 * - Subscriptions end with their socket; the client joins again after each `welcome`.
 */

/** 32 unguessable bytes, derived from a secret of the members: knowing it is the permission. */
export const topicId = binary(32);

/**
 * 16 random bytes, made by the client for each subscription and never used again. It may stand inside ciphertexts, so
 * that members can tell whose subscription has ended; to the relay it means nothing.
 */
export const subscriptionTag = binary(16);

const topicPayload = binary(1, MAX_TOPIC_PAYLOAD_BYTES);

/**
 * `join`. To a topic that the socket has joined already: with the same tag only the will changes (absent: no will any
 * more), with another one the old subscription ends as by `leave` and a new one begins. Refusals: `topic-limit`,
 * `topic-full`, `rate-limited`.
 */
export const join = s.strictObject({ topic: topicId, tag: subscriptionTag, will: s.optional(topicPayload) });
export type Join = s.Infer<typeof join>;

/** `leave`: ends the subscription without its will. Leaving what was not joined succeeds. */
export const leave = s.strictObject({ topic: topicId });
export type Leave = s.Infer<typeof leave>;

/**
 * `publish`. Answered when it is on its way, which says nothing about who gets it. Refusals: `topic-not-joined`, `rate-limited`.
 */
export const publish = s.strictObject({ topic: topicId, payload: topicPayload });
export type Publish = s.Infer<typeof publish>;

/** `topic`: another subscription published this. The relay does not say which one. */
export const topicMessage = s.object({ topic: topicId, payload: topicPayload });
export type TopicMessage = s.Infer<typeof topicMessage>;

/** `joined`: another subscription has begun. */
export const topicJoined = s.object({ topic: topicId, tag: subscriptionTag });
export type TopicJoined = s.Infer<typeof topicJoined>;

/** `left`: another subscription has ended. */
export const topicLeft = s.object({ topic: topicId, tag: subscriptionTag, will: s.optional(topicPayload) });
export type TopicLeft = s.Infer<typeof topicLeft>;
