import type { Aci, AppId, Outcome, Submit } from '@sotto/protocol';

import type { CurrentList, DeviceLists } from '../directory/lists.js';
import { RelayError, toError } from '../errors.js';
import type { Lease, Leases } from '../limits/lease.js';
import { refuseFor } from '../limits/limits.js';
import type { DeviceAddress, MailboxId } from '../mailbox/mailbox-id.js';
import { checkPayloads, findStale } from '../mailbox/recipients.js';
import type { Route, Routes } from '../mailbox/route.js';
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
  readonly #routes: Routes;
  /** First what is the sender's own: whoever is over that takes nothing from what others share. */
  readonly #leases: readonly (readonly Lease[])[];
  #openBytes = 0;
  /** The checks run one after another, so that a fast one does not overtake a slow one. */
  #checked: Promise<unknown> = Promise.resolve();
  #checking = 0;

  constructor(sender: Sender, deps: SubmissionDeps) {
    const { app, mailbox, address, ip } = sender;
    const { leases, submits } = deps;
    this.#sender = sender;
    this.#deps = deps;
    this.#routes = submits.routes(address);
    this.#leases = [
      [
        leases.of({ app, limit: 'envelopesPerDevice', key: mailbox }),
        leases.of({ app, limit: 'envelopesPerUser', key: `${app}/${address.user}` }),
      ],
      [
        leases.of({ app, limit: 'envelopesPerApp', key: app }),
        ...(ip === undefined ? [] : [leases.of({ limit: 'envelopesPerAddress', key: ip })]),
      ],
    ];
  }

  /**
   * @param done hears the outcomes after the commit, or `bad-request`, `too-large`, `stale-device-list`, `rate-limited`,
   *   `unavailable` or `internal`
   */
  submit(message: Submit, done: (result: Outcome[] | Error) => void): void {
    let route: Route;
    let bytes: number;
    try {
      route = this.#routes.to(message.recipients);
      bytes = checkPayloads(message.payloads, route.payloads);
      if (this.#openBytes + bytes > MAX_OPEN_BYTES) throw busy();
    } catch (error) {
      done(toError(error));
      return;
    }
    this.#openBytes += bytes;
    this.#store({ message, route }, (result) => {
      this.#openBytes -= bytes;
      done(result);
    });
  }

  /** At once when nothing has to be waited for: earlier submits are through, the lists verified, the limits leased. */
  #store(work: Work, done: (result: Outcome[] | Error) => void): void {
    const isReady = this.#checking === 0 && work.route.isVerified;
    const limited = isReady ? this.#limit(work.route.targets.length) : null;
    if (isReady && !limited) {
      this.#write(work, (result) => {
        if (result === 'stale') settle(this.#again(work), done);
        else done(result);
      });
    } else {
      const limit = () => (isReady ? limited : this.#limit(work.route.targets.length));
      settle(this.#checkFirst(work, limit), done);
    }
  }

  async #checkFirst(work: Work, limit: () => Promise<void> | null): Promise<Outcome[]> {
    const result = await this.#inOrder(work, limit);
    return result === 'stale' ? this.#again(work) : result;
  }

  #write({ message, route }: Work, done: (result: SubmitResult | Error) => void): void {
    this.#deps.submits.submit({ sender: this.#sender.address, route, message }, done);
  }

  /** The lists have changed between check and commit, or what this node remembers of them is old: the store is asked. */
  async #again(work: Work): Promise<Outcome[]> {
    for (let attempt = 1; attempt < MAX_STALE_RETRIES; attempt++) {
      work.route.isVerified = false;
      const result = await this.#inOrder(work, () => this.#load(work));
      if (result !== 'stale') return result;
    }
    throw new RelayError('unavailable', 'The device lists of the recipients keep changing.');
  }

  /** Checks when all earlier checks are done; what is stored is not waited for. */
  async #inOrder(work: Work, limit: () => Promise<void> | null): Promise<SubmitResult> {
    this.#checking++;
    const checked = this.#checked.then(async () => {
      await limit();
      if (!work.route.isVerified) await this.#verify(work);
      return {
        stored: new Promise<SubmitResult>((resolve, reject) => {
          this.#write(work, (result) => {
            if (result instanceof Error) reject(result);
            else resolve(result);
          });
        }),
      };
    });
    this.#checked = checked
      .catch(() => undefined)
      .finally(() => {
        this.#checking--;
      });
    return (await checked).stored;
  }

  /** Null at once where the leased blocks hold enough; rejects with `rate-limited`. */
  #limit(envelopes: number, from = 0): Promise<void> | null {
    for (let index = from; index < this.#leases.length; index++) {
      let waits: Promise<number | null>[] | null = null;
      for (const lease of this.#leases[index] ?? []) {
        const wait = lease.take(envelopes);
        if (wait) (waits ??= []).push(wait);
      }
      if (!waits) continue;
      return Promise.all(waits).then((answers) => {
        refuseFor(answers, this.#sender.app);
        return this.#limit(envelopes, index + 1) ?? undefined;
      });
    }
    return null;
  }

  /** Rejects with `stale-device-list` when a message is not for exactly the devices of its recipients. */
  async #verify({ message, route }: Work): Promise<void> {
    const { address } = this.#sender;
    const known = this.#cachedLists(route);
    if (!known || findStale(address, message, known).length > 0) await this.#load({ message, route });
    route.isVerified = true;
  }

  /** As `#verify`, with the lists as the store has them now. */
  async #load({ message, route }: Work): Promise<void> {
    const { address, app } = this.#sender;
    const users = route.lists.map(({ user }) => user);
    const stale = findStale(address, message, await this.#deps.lists.load(app, users));
    if (stale.length > 0) throw new RelayError('stale-device-list', undefined, { stale });
    route.isVerified = true;
  }

  #cachedLists({ lists }: Route): Map<Aci, CurrentList> | null {
    const known = new Map<Aci, CurrentList>();
    for (const { user, version } of lists) {
      const cached = this.#deps.lists.cached(this.#sender.app, user, version);
      if (!cached) return null;
      known.set(user, cached);
    }
    return known;
  }
}

interface Work {
  message: Submit;
  route: Route;
}

function settle<T>(promise: Promise<T>, done: (result: T | Error) => void): void {
  promise.then(done, (error: unknown) => {
    done(toError(error));
  });
}

/** The client has more under way than the relay keeps in memory for one socket. */
export function busy(): RelayError {
  return new RelayError('rate-limited', 'Too much is under way on this socket.', { retryAfterMs: BUSY_RETRY_MS });
}
