import type { AppId, Deliver } from '@sotto/protocol';

import { RelayError } from '../errors.js';
import type { DeliveryPort } from '../mailbox/deliver.js';
import type { MailboxId } from '../mailbox/mailbox-id.js';
import type { RelayObserver } from '../observer.js';
import type { Clock } from '../platform.js';
import type { MailboxPage, Quota, Store } from '../store/store.js';
import type { TopicPeer } from '../topics/subscriptions.js';

/** A store that could not be read is asked again after one to three seconds: not by all mailboxes at once. */
const AGAIN_MS = 1_000;
const SPREAD_MS = 2_000;

interface Owner {
  readonly app: AppId;
  readonly mailbox: MailboxId;
  bye(reason: RelayError): void;
}

interface PortDeps {
  store: Store;
  clock: Clock;
  observer: Required<RelayObserver>;
  onError: (error: unknown) => void;
}

/** From a session's mailbox in the store to its socket. */
export class MailboxPort implements DeliveryPort {
  readonly #owner: Owner;
  readonly #peer: TopicPeer;
  readonly #deps: PortDeps;

  constructor(owner: Owner, peer: TopicPeer, deps: PortDeps) {
    this.#owner = owner;
    this.#peer = peer;
    this.#deps = deps;
  }

  read(after: number, limit: Quota): Promise<MailboxPage | null> {
    return this.#deps.store.read(this.#owner.app, this.#owner.mailbox, after, limit);
  }

  deliver(message: Deliver): void {
    this.#peer.emit('deliver', message);
    const last = message.envelopes.at(-1);
    if (last) this.#deps.observer.delivered(message.envelopes.length, last.at);
  }

  drained(head: number): void {
    this.#peer.emit('drained', { head });
  }

  async standing(seq: number): Promise<{ head: number; id: Uint8Array | null } | null> {
    const { app, mailbox } = this.#owner;
    const state = await this.#deps.store.mailbox(app, mailbox);
    if (!state) return null;
    const { head, acked } = state;
    return { head, id: acked.seq === seq ? acked.id : await this.#deps.store.envelopeIdAt(app, mailbox, seq) };
  }

  rolledBack(): void {
    this.#owner.bye(rolledBack());
  }

  failed(error: unknown, again: () => void): void {
    this.#deps.onError(error);
    const share = Number.parseInt(this.#owner.mailbox.slice(0, 4), 16) / 0x10000;
    this.#deps.clock.after(AGAIN_MS + share * SPREAD_MS, again);
  }
}

/** The device says hello again, and hears how its cursor and the mailbox differ. */
export function rolledBack(): RelayError {
  return new RelayError('ack-refused', 'The mailbox does not hold what this socket was sent from it.');
}
