import type { Aci, Submit } from '@sotto/protocol';

import type { DeviceAddress, MailboxId, MailboxNames } from './mailbox-id.js';
import { checkRecipients } from './recipients.js';

/**
 * Where what one device writes to one list of recipients goes. Worked out once for a list: it hardly ever changes from
 * one message to the next.
 */
export interface Route {
  /** The list versions that must be current, of recipients to whom all devices are named. */
  lists: { user: Aci; version: number }[];
  targets: {
    mailbox: MailboxId;
    /** Of the envelope ids that this sender uses in this mailbox. */
    dedupeKey: Uint8Array;
    /** Index into the payloads of the submit. */
    payload: number;
  }[];
  /** How many payloads a submit on this route has; each is addressed to somebody. */
  payloads: number;
  /**
   * The devices are those of the lists. One version of a list never changes, and the write path checks that the versions
   * are current, so this stays true.
   */
  isVerified: boolean;
}

/** The routes of one sender, by the list of recipients itself, which the socket's reader hands out again and again. */
export class Routes {
  readonly #sender: DeviceAddress;
  readonly #names: MailboxNames;
  readonly #known = new WeakMap<Submit['recipients'], Route>();

  constructor(sender: DeviceAddress, names: MailboxNames) {
    this.#sender = sender;
    this.#names = names;
  }

  /** Throws `bad-request` or `too-large`. */
  to(recipients: Submit['recipients']): Route {
    const known = this.#known.get(recipients);
    if (known) return known;
    const payloads = checkRecipients(this.#sender, recipients);
    const lists = recipients.filter(({ complete }) => complete).map(({ user, list }) => ({ user, version: list }));
    const targets = recipients.flatMap(({ user, devices }) =>
      devices.map(({ device, registration, payload }) => {
        const mailbox = this.#names.mailbox({ user, device, registration });
        return { mailbox, payload, dedupeKey: this.#names.dedupeKey(mailbox, this.#sender) };
      }),
    );
    const route = { lists, targets, payloads, isVerified: lists.length === 0 };
    this.#known.set(recipients, route);
    return route;
  }
}
