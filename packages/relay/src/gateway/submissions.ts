import type { Aci, AppId, Outcome, Submit } from '@sotto/protocol';

import type { CurrentList, DeviceLists } from '../directory/lists.js';
import { RelayError } from '../errors.js';
import type { Leases } from '../limits/lease.js';
import { refuseFor, type Demand } from '../limits/limits.js';
import type { DeviceAddress, MailboxId } from '../mailbox/mailbox-id.js';
import { checkSubmit, findStale } from '../mailbox/recipients.js';
import type { SubmitResult, SubmitWriter } from '../mailbox/submit.js';
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
  #checking = 0;

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
      const result = await this.#store(message);
      return result === 'stale' ? await this.#again(message) : result;
    } finally {
      this.#openBytes -= bytes;
    }
  }

  /** At once when nothing has to be waited for: earlier submits are through, the lists known, the limits leased. */
  #store(message: Submit): Promise<SubmitResult> {
    if (this.#checking > 0 || !this.#isCurrent(message)) return this.#inOrder(message, () => this.#limit(message));
    const limited = this.#limit(message);
    return limited ? this.#inOrder(message, () => limited) : this.#write(message);
  }

  #write(message: Submit): Promise<SubmitResult> {
    return this.#deps.submits.submit({ sender: this.#sender.address, message });
  }

  /** The lists have changed between check and commit. */
  async #again(message: Submit): Promise<Outcome[]> {
    for (let attempt = 1; attempt < MAX_STALE_RETRIES; attempt++) {
      const result = await this.#inOrder(message, () => null);
      if (result !== 'stale') return result;
    }
    throw new RelayError('unavailable', 'The device lists of the recipients keep changing.');
  }

  /** Checks when all earlier checks are done; what is stored is not waited for. */
  async #inOrder(message: Submit, limit: () => Promise<void> | null): Promise<SubmitResult> {
    this.#checking++;
    const checked = this.#checked.then(async () => {
      await limit();
      if (!this.#isCurrent(message)) await this.#checkLists(message);
      return { stored: this.#write(message) };
    });
    this.#checked = checked
      .catch(() => undefined)
      .finally(() => {
        this.#checking--;
      });
    return (await checked).stored;
  }

  /** Null at once where the leased blocks hold enough; rejects with `rate-limited`. */
  #limit(message: Submit, from = 0): Promise<void> | null {
    const envelopes = count(message);
    for (const [index, demands] of this.#demands.entries()) {
      if (index < from) continue;
      const waits = demands.flatMap((demand) => this.#deps.leases.take(demand, envelopes) ?? []);
      if (waits.length === 0) continue;
      return Promise.all(waits).then((answers) => {
        refuseFor(answers, this.#sender.app);
        return this.#limit(message, index + 1) ?? undefined;
      });
    }
    return null;
  }

  /** As far as is known without asking the store; the statement itself has the last word. */
  #isCurrent(message: Submit): boolean {
    const { address, app } = this.#sender;
    const known = new Map<Aci, CurrentList>();
    for (const { complete, user, list } of message.recipients) {
      const cached = complete ? this.#deps.lists.cached(app, user, list) : undefined;
      if (cached) known.set(user, cached);
      else if (complete) return false;
    }
    return known.size === 0 || findStale(address, message, known).length === 0;
  }

  async #checkLists(message: Submit): Promise<void> {
    const users = message.recipients.filter(({ complete }) => complete).map(({ user }) => user);
    const stale = findStale(this.#sender.address, message, await this.#deps.lists.load(this.#sender.app, users));
    if (stale.length > 0) throw new RelayError('stale-device-list', undefined, { stale });
  }
}

function count({ recipients }: Submit): number {
  return recipients.reduce((total, { devices }) => total + devices.length, 0);
}

/** The client has more under way than the relay keeps in memory for one socket. */
export function busy(): RelayError {
  return new RelayError('rate-limited', 'Too much is under way on this socket.', { retryAfterMs: BUSY_RETRY_MS });
}
