import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { agree, hkdf } from '@sotto/crypto';
import { aci, aciBytes, deviceId, type Aci, type AppId } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import { pad, unpad } from '../content/padding.js';
import type { RandomBytes } from '../util/random.js';

const LABEL = 'sotto topic v1';
const NONCE_BYTES = 24;
const DAY_MS = 24 * 60 * 60 * 1000;

/** A day's topic of a direct conversation: `id` is the permission at the relay, `key` is for the members. 32 bytes each. */
export interface TopicSecret {
  readonly id: Uint8Array;
  readonly key: Uint8Array;
}

export interface TopicMembers {
  readonly app: AppId;
  readonly own: { readonly user: Aci; readonly identityPrivateKey: Uint8Array };
  readonly peer: { readonly user: Aci; readonly identityKey: Uint8Array };
}

/** The UTC day of a time: days since the epoch. */
export function utcDay(ms: number): number {
  return Math.floor(ms / DAY_MS);
}

/**
 * `id || key = HKDF-SHA-256(salt: none, X25519(IK_a, IK_b), "sotto topic v1" || u8(len(app)) || app || both ACIs in ascending
 * order, 16 bytes each || u32be(day), 64)`. The same for both members, another one each day.
 *
 * @throws CryptoError `bad-key`
 */
export function deriveTopic({ app, own, peer }: TopicMembers, day: number): TopicSecret {
  const encoder = new TextEncoder();
  const appBytes = encoder.encode(app);
  const members = [own.user, peer.user].sort().map(aciBytes);
  const dayBytes = Uint8Array.of((day >>> 24) & 0xff, (day >>> 16) & 0xff, (day >>> 8) & 0xff, day & 0xff);
  const parts = [encoder.encode(LABEL), Uint8Array.of(appBytes.length), appBytes, ...members, dayBytes];
  const shared = agree(own.identityPrivateKey, peer.identityKey);
  const secret = hkdf(null, shared, Uint8Array.from(parts.flatMap((part) => [...part])), 64);
  shared.fill(0);
  return { id: secret.slice(0, 32), key: secret.slice(32) };
}

/** What travels on a topic. Everybody in it holds the key: `user` and `device` are what a member says, not what is proved. */
const topicContent = s.looseObject({
  v: s.literal(1),
  user: aci,
  device: deviceId,
  /** The sender's subscription, as the relay names it in `left`: base64url. */
  tag: s.string().check(s.maxLength(32)),
  /** Grows with each message of a device. */
  counter: s.int().check(s.gte(0)),
  /** Relay-corrected milliseconds since the epoch. */
  at: s.int().check(s.gte(0)),
  kind: s.string().check(s.maxLength(32)),
  body: s.looseObject({}),
});
export type TopicContent = s.Infer<typeof topicContent>;

/** `nonce (24) || XChaCha20-Poly1305(key, nonce, padded JSON, associated data: topic id)`. */
export function sealTopic(topic: TopicSecret, content: TopicContent, random: RandomBytes): Uint8Array {
  const nonce = random(NONCE_BYTES);
  const plaintext = pad(new TextEncoder().encode(JSON.stringify(content)));
  const sealed = xchacha20poly1305(topic.key, nonce, topic.id).encrypt(plaintext);
  const payload = new Uint8Array(NONCE_BYTES + sealed.length);
  payload.set(nonce);
  payload.set(sealed, NONCE_BYTES);
  return payload;
}

/** @returns null for what is not a message of this topic's members */
export function openTopic(topic: TopicSecret, payload: Uint8Array): TopicContent | null {
  if (payload.length <= NONCE_BYTES) return null;
  try {
    const cipher = xchacha20poly1305(topic.key, payload.subarray(0, NONCE_BYTES), topic.id);
    const bytes = unpad(cipher.decrypt(payload.subarray(NONCE_BYTES)));
    if (!bytes) return null;
    return s.safeParse(topicContent, JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))).data ?? null;
  } catch {
    return null;
  }
}
