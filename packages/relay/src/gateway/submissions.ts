import type { AppId, Outcome, Submit } from '@sotto/protocol';

import type { DeviceLists } from '../directory/lists.js';
import { RelayError } from '../errors.js';
import type { Leases } from '../limits/lease.js';
import { refuseFor, type Demand } from '../limits/limits.js';
import type { DeviceAddress, MailboxId } from '../mailbox/mailbox-id.js';
import { checkSubmit, findStale } from '../mailbox/recipients.js';
import type { SubmitWriter } from '../mailbox/submit.js';
import type { Clock } from '../platform.js';

/** A submit whose lists change between check and commit is checked again, this often. */
const MAX_STALE_RETRIES = 3;

/** Payload bytes of one socket that wait for their commit. */
const MAX_OPEN_BYTES = 8 * 1024 * 1024;

const BUSY_RETRY_MS = 1_000;

export interface SubmissionDeps {
  lists: DeviceLists;
  submits: SubmitWriter;
  leases: Leases;
  clock: Clock;
}

interface Sender {
  app: AppId;
  mailbox: MailboxId;
  address: DeviceAddress;
  /** Where the socket comes from; absent in a simulation. */
  ip: string | undefined;
}

/** The submits of one session: bounded, checked, and handed to the write path in the order in which they came. */
export class Submissions {
  readonly #sender: Sender;
  readonly #deps: SubmissionDeps;
  /** First what is the sender's own: whoever is over that takes nothing from what others share. */
  readonly #demands: readonly (readonly Demand[])[];
  #openBytes = 0;
  /** The checks run one after another, so that a fast one does not overtake a slow one. */
  #checked: Promise<unknown> = Promise.resolve();

  constructor(sender: Sender, deps: SubmissionDeps) {
    const { app, mailbox, address, ip } = sender;
    this.#sender = sender;
    this.#deps = deps;
    this.#demands = [
      [
        { app, limit: 'envelopesPerDevice', key: mailbox },
        { app, limit: 'envelopesPerUser', key: `${app}/${address.user}` },
      ],
      [
        { app, limit: 'envelopesPerApp', key: app },
        ...(ip === undefined ? [] : [{ limit: 'envelopesPerAddress', key: ip } as const]),
      ],
    ];
  }

  /**
   * Resolves after the commit. Rejects with `bad-request`, `too-large`, `stale-device-list`, `rate-limited`, `unavailable`
   * or `internal`.
   */
  async submit(message: Submit): Promise<Outcome[]> {
    checkSubmit(this.#sender.address, message);
    const bytes = message.payloads.reduce((total, payload) => total + payload.length, 0);
    if (this.#openBytes + bytes > MAX_OPEN_BYTES) throw busy();
    this.#openBytes += bytes;
    try {
      return await this.#store(message);
    } finally {
      this.#openBytes -= bytes;
    }
  }

  async #store(message: Submit): Promise<Outcome[]> {
    for (let attempt = 0; attempt < MAX_STALE_RETRIES; attempt++) {
      const { stored } = await this.#inOrder(async () => {
        if (attempt === 0) await this.#limit(message);
        await this.#checkLists(message);
        return { stored: this.#deps.submits.submit({ sender: this.#sender.address, message }) };
      });
      const result = await stored;
      if (result !== 'stale') return result;
    }
    throw new RelayError('unavailable', 'The device lists of the recipients keep changing.');
  }

  async #limit({ recipients }: Submit): Promise<void> {
    const envelopes = recipients.reduce((total, { devices }) => total + devices.length, 0);
    for (const demands of this.#demands) {
      const waits = demands.flatMap((demand) => this.#deps.leases.take(demand, envelopes) ?? []);
      if (waits.length > 0) refuseFor(await Promise.all(waits), this.#sender.app);
    }
  }

  async #checkLists(message: Submit): Promise<void> {
    const { address, app } = this.#sender;
    const { lists } = this.#deps;
    const wanted = message.recipients
      .filter(({ complete }) => complete)
      .map(({ user, list }) => ({ user, version: list }));
    if (wanted.length === 0) return;
    if (findStale(address, message, await lists.resolve(app, wanted)).length === 0) return;
    // What the sender is told comes from the store, not from a cache.
    const users = wanted.map(({ user }) => user);
    const stale = findStale(address, message, await lists.load(app, users));
    if (stale.length > 0) throw new RelayError('stale-device-list', undefined, { stale });
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#checked.then(work);
    this.#checked = done.catch(() => undefined);
    return done;
  }
}

/** The client has more under way than the relay keeps in memory for one socket. */
export function busy(): RelayError {
  return new RelayError('rate-limited', 'Too much is under way on this socket.', { retryAfterMs: BUSY_RETRY_MS });
}
