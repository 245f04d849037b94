import {
  aciFromDigest,
  aciInput,
  fromBase64Url,
  toBase64Url,
  type Aci,
  type CursorVerdict,
  type DeviceId,
  type Envelope,
  type ErrorCode,
  type Submit,
} from '@sotto/protocol';
import { sha256 } from '@noble/hashes/sha2.js';

import { RelayError } from '../../src/network/relay-error.js';
import type { RelayPort } from '../../src/network/relay-port.js';
import type { FakeDevice, FakeUser } from './fake-device.js';
import { FakeDirectory } from './fake-directory.js';
import { FakeMailboxes, type Stage } from './fake-mailboxes.js';
import { FakeTopics } from './fake-topics.js';

const APP = 'test';

/**
 * A relay in memory behind the SDK's own port, for stories about the client: it obeys the protocol, can be told to
 * misbehave, and shows what it holds. The real relay is tested with the real client in `e2e/`.
 */
export class FakeRelay implements Stage {
  readonly users = new Map<Aci, FakeUser>();
  readonly topics = new FakeTopics();
  /** What the wire carried, for canary checks: every request body and payload. */
  readonly seen: unknown[] = [];
  /** What each `hello` was told of its vault. */
  readonly verdicts: CursorVerdict[] = [];
  /** Set to cut the network: requests fail, sockets do not open. */
  down = false;
  /** Most envelopes in one delivery. */
  batch = 100;
  /** Called before a submit is stored; the error it returns is the answer. `lost`: stored, but the answer never arrives. */
  onSubmit: (submit: Submit, from: Aci) => ErrorCode | 'lost' | null = () => null;
  /** Called with a token that comes in-band; the error it returns is the answer. */
  onToken: (token: string) => ErrorCode | null = () => null;
  /** Called before a request is answered. */
  onRequest: (path: string) => void = () => undefined;
  /** Waited for before a request is looked at: a slow network. */
  beforeAnswer: (path: string) => Promise<void> = async () => undefined;
  /** What the relay makes of an envelope before it stores it; null: it is withheld for good. */
  tamper: (payload: Uint8Array, to: { user: Aci; device: number }, from: Aci) => Uint8Array | null = (payload) =>
    payload;
  readonly #directory = new FakeDirectory(this.users);
  readonly #mailboxes = new FakeMailboxes(this);

  /** An unsigned token: the fake believes everyone. */
  token(user: string): string {
    const claims = { iss: APP, sub: user, aud: 'sotto', exp: Math.floor(Date.now() / 1000) + 3600 };
    return `e30.${toBase64Url(new TextEncoder().encode(JSON.stringify(claims)))}.x`;
  }

  port(): RelayPort {
    return {
      request: async (request) => {
        await Promise.resolve();
        if (this.down) throw new RelayError(null);
        this.seen.push(request.body);
        this.onRequest(request.path);
        await this.beforeAnswer(request.path);
        return this.#directory.answer(request, userOf(request.token));
      },
      connect: (hello, handlers) => this.#mailboxes.connect(userOf(hello.token), hello, handlers),
    };
  }

  /** Cuts every socket without a word. */
  cut(): void {
    this.#mailboxes.cut();
  }

  mailbox(user: string, id?: number): FakeDevice {
    const devices = this.users.get(aciOfName(user))?.devices;
    const [first] = devices?.values() ?? [];
    const device = id === undefined ? first : devices?.get(id);
    if (!device) throw new Error(`${user} has no device`);
    return device;
  }

  /** Resolves when everything in the user's mailbox has been acknowledged. */
  async emptied(user: string): Promise<void> {
    while (this.mailbox(user).envelopes.length > 0) await this.#mailboxes.acked();
  }

  /** Deletes everything that waits in a mailbox, as a relay does when retention is over. */
  expire(user: string): void {
    this.mailbox(user).envelopes = [];
  }

  /** Puts an envelope into a mailbox, as a malicious relay could. */
  inject(user: string, envelope: Omit<Envelope, 'seq' | 'at'>): void {
    this.#mailboxes.put(this.mailbox(user), envelope);
  }

  /** Removes a device, as a list without it does, or inactivity. */
  remove(user: FakeUser, id: DeviceId): void {
    this.#directory.remove(user, id);
  }
}

/** Whose token it is. */
export function userOf(token: string): Aci {
  const bytes = fromBase64Url(token.split('.')[1] ?? '') ?? new Uint8Array();
  return aciOfName((JSON.parse(new TextDecoder().decode(bytes)) as { sub: string }).sub);
}

export const aciOfName = (user: string): Aci => aciFromDigest(sha256(aciInput(APP, user)));
