import { createHash, createHmac, hash } from 'node:crypto';

import type { Aci, AppId, DeviceId, RegistrationId } from '@sotto/protocol';

import { BoundedMap } from '../bounded-map.js';

declare const brand: unique symbol;
/** Names the mailbox of one registration of one device: a UUID derived from app, user, device and registration id. */
export type MailboxId = string & { readonly [brand]: 'MailboxId' };

export interface DeviceAddress {
  user: Aci;
  device: DeviceId;
  registration: RegistrationId;
}

/**
 * The registration id is part of the name, so a device that takes over a freed id can never meet envelopes, positions
 * or dedupe keys of its predecessor; the app is, so no mailbox is reachable from another app.
 */
export function mailboxId(app: AppId, address: DeviceAddress): MailboxId {
  const digest = createHash('sha256')
    .update(`sotto mailbox v1\0${app}\0${address.user}\0${address.device}\0${address.registration}`)
    .digest('hex');
  return formatUuid(digest) as MailboxId;
}

/** Enough for everybody that a busy node's devices write to; about 200 bytes each. */
const MAX_NAMES = 50_000;

/** Recipients of one sender whose dedupe keys are kept. */
const MAX_KEYS = 1_000;

/** The mailboxes and dedupe keys of one app, without hashing the same things for every message. */
export class MailboxNames {
  readonly #app: AppId;
  readonly #relayKey: Uint8Array;
  readonly #mailboxes = new BoundedMap<string, MailboxId>(MAX_NAMES);
  /** By sender: they go with its session. */
  readonly #keys = new WeakMap<DeviceAddress, BoundedMap<MailboxId, Uint8Array>>();

  constructor(app: AppId, relayKey: Uint8Array) {
    this.#app = app;
    this.#relayKey = relayKey;
  }

  mailbox(address: DeviceAddress): MailboxId {
    const name = `${address.user}${address.device}.${address.registration}`;
    const known = this.#mailboxes.get(name);
    if (known !== undefined) return known;
    const mailbox = mailboxId(this.#app, address);
    this.#mailboxes.set(name, mailbox);
    return mailbox;
  }

  /** For {@link dedupeDigest}: what this sender puts into this mailbox. 32 bytes, secret. */
  dedupeKey(mailbox: MailboxId, sender: DeviceAddress): Uint8Array {
    const own = this.#keys.get(sender) ?? new BoundedMap<MailboxId, Uint8Array>(MAX_KEYS);
    const known = own.get(mailbox);
    if (known) return known;
    const key = createHmac('sha256', this.#relayKey)
      .update(`sotto dedupe v1\0${mailbox}\0${sender.user}\0${sender.device}\0${sender.registration}`)
      .digest();
    own.set(mailbox, key);
    this.#keys.set(sender, own);
    return key;
  }
}

const KEY_BYTES = 32;
/** Filled and hashed again and again: key, then envelope id. */
const keyed = Buffer.alloc(KEY_BYTES + 16);

/**
 * What the relay remembers of an envelope id (DESIGN: dedupe): 16 bytes, keyed, so that what is left after the
 * acknowledgement does not tell who wrote to whom. The key is secret and of fixed length, as is what is hashed: a plain
 * hash behind it is as good as another HMAC.
 */
export function dedupeDigest(key: Uint8Array, envelopeId: Uint8Array): Buffer {
  keyed.set(key);
  keyed.set(envelopeId, KEY_BYTES);
  return hash('sha256', keyed, 'buffer').subarray(0, 16);
}

function formatUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
