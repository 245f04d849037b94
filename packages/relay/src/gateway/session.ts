import {
  up,
  type Ack,
  type AppId,
  type ErrorCode,
  type ExpiringDevice,
  type FreshToken,
  type ErrorBody,
  type Submit,
  type UpEvent,
  type UpReply,
} from '@sotto/protocol';

import type { Tenants } from '../apps/tenants.js';
import type { TokenVerifier } from '../auth/token-verifier.js';
import type { Deadlines } from '../deadlines.js';
import { RelayError, toError } from '../errors.js';
import type { AckWriter } from '../mailbox/ack.js';
import { Delivery } from '../mailbox/deliver.js';
import type { DeviceAddress, MailboxId } from '../mailbox/mailbox-id.js';
import type { Ring } from '../mailbox/ring.js';
import type { Switchboard } from '../mailbox/switchboard.js';
import type { MailboxHead, Store } from '../store/store.js';
import { Subscriptions, type TopicDeps, type TopicPeer } from '../topics/subscriptions.js';
import type { Admission } from './admission.js';
import { MailboxPort, rolledBack } from './mailbox-port.js';
import { parseOrRefuse } from './parse.js';
import { toRefusal } from './refusal.js';
import { busy, Submissions, type SubmissionDeps } from './submissions.js';
import { readWelcome } from './welcome.js';

/** A socket may outlive its token by at most 60 s; less, so that the slot of time and the closing are within it too. */
const TOKEN_GRACE_MS = 50_000;
export const EXPIRY_SLOT_MS = 5_000;

/** Requests of one socket that wait for their answer; a client that sends more must wait itself. */
const MAX_OPEN_REQUESTS = 1024;

const OK = { ok: true } as const;

type Accepted<Event extends UpEvent = UpEvent> = Extract<UpReply[Event], { ok: true }>;

interface Refused {
  ok: false;
  error: ErrorBody;
}

/** The other end of a session: a socket, or a simulated one. */
export interface Peer extends TopicPeer {
  close(): void;
}

export interface SessionDeps extends SubmissionDeps, TopicDeps {
  store: Store;
  switchboard: Switchboard;
  acks: AckWriter;
  verifier: TokenVerifier;
  tenants: Tenants;
  /** Sessions whose token expires. */
  expiries: Deadlines<Session>;
  onClosed: (session: Session) => void;
  onError: (error: unknown) => void;
}

/**
 * One connected device, without its socket.
 *
 *     new --start--> open --submit, ack, token, join, leave, publish--> open
 *                     |--superseded, token-expired, device-gone, device-unknown, app-suspended,
 *                     |  token-invalid, ack-refused, shutting-down--> `bye`, closed
 *                     |--the socket is gone--> closed
 */
export class Session {
  readonly address: DeviceAddress;
  readonly mailbox: MailboxId;
  readonly epoch: number;
  readonly app: AppId;
  readonly #id: string;
  readonly #deps: SessionDeps;
  readonly #peer: Peer;
  readonly #ip: string | undefined;
  /** Of the key that signed its token. */
  #key: string | undefined;
  /** Version of the user's device list that this device was told of; 0: it is not on it. */
  #list: number;
  // Most devices only listen: what writing takes is made when they write.
  #submissions: Submissions | null = null;
  #subscriptions: Subscriptions | null = null;
  #delivery: Delivery | null = null;
  #closed = false;
  #unsubscribe: (() => void) | null = null;
  /** Slot of its token's expiry. */
  #expiry: number | null = null;
  #openRequests = 0;

  constructor(id: string, { login, hello, device, listVersion, ip }: Admission, peer: Peer, deps: SessionDeps) {
    this.#id = id;
    this.#peer = peer;
    this.#deps = deps;
    this.#ip = ip;
    this.#key = login.key;
    this.#list = device.listed ? listVersion : 0;
    this.app = login.app;
    this.epoch = hello.epoch;
    this.mailbox = device.mailbox;
    this.address = { user: login.user, device: device.device, registration: device.registration };
  }

  get isOpen(): boolean {
    return !this.#closed;
  }

  /** Listens before it reads, so that nothing falls between; then welcomes and delivers. Failures end in `bye`. */
  async start(admission: Admission): Promise<void> {
    try {
      this.#expireAt(admission.login.expiresAt);
      const unsubscribe = await this.#deps.switchboard.listen(this.mailbox, (ring) => this.#heard(ring));
      if (this.#closed) {
        unsubscribe();
        return;
      }
      this.#unsubscribe = unsubscribe;
      this.#claim();
      await this.#welcome(admission);
    } catch (error) {
      this.bye(this.#refused(error));
    }
  }

  /** Answers one event of the client; never rejects. */
  handle(event: string, message: unknown): Promise<UpReply[UpEvent]> {
    return new Promise((resolve) => {
      this.#request(Object.hasOwn(up, event) ? (event as UpEvent) : 'unknown', resolve, (done) => {
        if (event === 'submit') this.#submit(parseOrRefuse(up.submit, message), done);
        else if (event === 'ack') this.#ack(parseOrRefuse(up.ack, message), done);
        else
          this.#rare(event, message).then(
            () => {
              done(OK);
            },
            (error: unknown) => {
              done(toError(error));
            },
          );
      });
    });
  }

  /** As {@link handle}, for what was parsed already. */
  submit(message: Submit, reply: (reply: UpReply['submit']) => void): void {
    this.#request('submit', reply, (done) => {
      this.#submit(message, done);
    });
  }

  /** As {@link handle}, for what was parsed already. */
  ack(message: Ack, reply: (reply: UpReply['ack']) => void): void {
    this.#request('ack', reply, (done) => {
      this.#ack(message, done);
    });
  }

  /** @param work ends with `done`, or throws */
  #request<Reply extends Accepted>(
    event: UpEvent | 'unknown',
    reply: (reply: Reply | Refused) => void,
    work: (done: (result: Reply | Error) => void) => void,
  ): void {
    const done = (result: Reply | Error) => {
      this.#openRequests--;
      const answer = result instanceof Error ? this.#refusal(result) : result;
      this.#deps.observer.answered(event, answer.ok ? 'ok' : answer.error.code);
      reply(answer);
    };
    this.#openRequests++;
    try {
      if (this.#openRequests > MAX_OPEN_REQUESTS) throw busy();
      work(done);
    } catch (error) {
      done(toError(error));
    }
  }

  #submit(message: Submit, done: (result: Accepted<'submit'> | Error) => void): void {
    this.#writing().submit(message, (result) => {
      done(result instanceof Error ? result : { ok: true, outcomes: result });
    });
  }

  #ack({ seq, id }: Ack, done: (result: Accepted<'ack'> | Error) => void): void {
    this.#deps.acks.ack({ mailbox: this.mailbox, seq, id }, (refusal) => {
      if (!refusal) this.#delivery?.acked(seq);
      done(refusal ?? OK);
    });
  }

  async #rare(event: string, message: unknown): Promise<void> {
    switch (event) {
      case 'token':
        return this.#renew(parseOrRefuse(up.token, message));
      case 'join':
        return this.#topics().join(parseOrRefuse(up.join, message));
      case 'leave':
        return this.#topics().leave(parseOrRefuse(up.leave, message));
      case 'publish':
        return this.#topics().publish(parseOrRefuse(up.publish, message));
      default:
        throw new RelayError('bad-request', 'There is no such event.');
    }
  }

  #refusal(error: Error): Refused {
    return { ok: false, error: this.#refused(error).body };
  }

  #refused(error: unknown): RelayError {
    const refusal = toRefusal(error, this.#deps.onError);
    const { user, device } = this.address;
    const where = this.#ip !== undefined && { address: this.#ip };
    this.#deps.observer.refused(refusal, { via: 'event', app: this.app, user, device, ...where });
    return refusal;
  }

  /** The highest seq that the device was sent. */
  get sent(): number {
    return this.#delivery?.sent ?? 0;
  }

  /**
   * How far the mailbox is known to reach: heals what the bus may have lost.
   *
   * @param sent what {@link sent} was before the head was read: a mailbox that reaches less far was put back
   */
  poke({ head, list }: MailboxHead, sent: number): void {
    if (head < sent) {
      this.bye(rolledBack());
      return;
    }
    this.#delivery?.poke(head);
    if (list !== this.#list) this.#tellList(list);
  }

  /** Envelopes that are stored for this device and not acknowledged yet, as far as this node knows. */
  get backlog(): number {
    return this.#delivery?.backlog ?? 0;
  }

  /** Ends it when its app may not work any more, or the key is gone that signed its token. */
  recheck(): void {
    const { tenants, clock } = this.#deps;
    const refusal = tenants.refusal(this.app);
    if (refusal) this.bye(refusal);
    else if (this.#key !== undefined && !tenants.acceptsKey(this.app, this.#key, clock.now()))
      this.bye('token-invalid');
  }

  /** Another device of the user will be removed, or was. */
  warn(expiring: ExpiringDevice): void {
    this.#peer.emit('device-expiring', expiring);
  }

  bye(reason: RelayError | ErrorCode): void {
    if (this.#closed) return;
    this.#peer.emit('bye', (typeof reason === 'string' ? new RelayError(reason) : reason).body);
    this.close();
    this.#peer.close();
  }

  /** The socket is gone. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unsubscribe?.();
    this.#forgetExpiry();
    this.#delivery?.close();
    this.#subscriptions?.close();
    this.#deps.onClosed(this);
  }

  #writing(): Submissions {
    const { app, mailbox, address } = this;
    return (this.#submissions ??= new Submissions({ app, mailbox, address, ip: this.#ip }, this.#deps));
  }

  #topics(): Subscriptions {
    const { app, mailbox } = this;
    return (this.#subscriptions ??= new Subscriptions({ app, mailbox }, this.#peer, this.#deps));
  }

  #claim(): void {
    this.#deps.switchboard.ringEverywhere(this.mailbox, { kind: 'claim', epoch: this.epoch, socket: this.#id });
  }

  async #welcome({ expiring, hello }: Admission): Promise<void> {
    const welcome = await readWelcome(this, hello, this.#deps);
    if (this.#closed) return;
    this.#peer.emit('welcome', { ...welcome, listVersion: this.#list, expiring });
    const { acked, first, head } = welcome;
    const port = new MailboxPort(this, this.#peer, this.#deps);
    this.#delivery = new Delivery(port, { after: acked.seq, first, id: acked.id });
    this.#delivery.poke(head);
  }

  async #renew({ token }: FreshToken): Promise<void> {
    const login = await this.#deps.verifier.verify(token);
    if (login.app !== this.app || login.user !== this.address.user) throw new RelayError('wrong-user');
    if (this.#closed) return;
    this.#key = login.key;
    this.#expireAt(login.expiresAt);
  }

  #expireAt(time: number): void {
    this.#forgetExpiry();
    this.#expiry = this.#deps.expiries.set(this, time + TOKEN_GRACE_MS);
  }

  #forgetExpiry(): void {
    if (this.#expiry !== null) this.#deps.expiries.clear(this, this.#expiry);
    this.#expiry = null;
  }

  #heard(ring: Ring): void {
    if (this.#closed) return;
    switch (ring.kind) {
      case 'envelopes':
        this.#delivery?.ring(ring.envelopes);
        break;
      case 'look':
        this.#delivery?.look();
        break;
      case 'claim':
        if (ring.socket === this.#id) break;
        if (ring.epoch >= this.epoch) this.bye('superseded');
        // The newcomer has the lower epoch and does not know yet that it must go.
        else this.#claim();
        break;
      case 'gone':
        this.bye('device-gone');
        break;
      case 'prekeys-low':
        this.#peer.emit('prekeys-low', ring.counts);
        break;
      case 'device-expiring':
        this.warn(ring.expiring);
        break;
      case 'list-changed':
        this.#tellList(ring.version);
        break;
    }
  }

  #tellList(version: number): void {
    this.#list = version;
    this.#peer.emit('device-list-changed', { version });
  }
}
