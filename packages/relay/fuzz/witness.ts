import { connect, messageTo, newUser, random, type TestDevice, type TestSocket } from '../test/support/device.js';

const PACE_MS = 50;

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** Two people who talk while the relay is attacked, and look at every message. */
export class Witness {
  readonly bob: TestDevice;
  readonly #alice: TestSocket;
  readonly #his: TestSocket;
  readonly complaints: string[] = [];
  /** The longest time from submitting to receiving, milliseconds. */
  slowestMs = 0;
  said = 0;
  #isStopped = false;

  private constructor(bob: TestDevice, alice: TestSocket, his: TestSocket) {
    this.bob = bob;
    this.#alice = alice;
    this.#his = his;
  }

  static async start(url: string): Promise<Witness> {
    const [alice, bob] = [await newUser(url, 'witness-alice'), await newUser(url, 'witness-bob')];
    return new Witness(bob, await connect(alice), await connect(bob));
  }

  /** Talks until stopped; rejects with what went wrong. */
  async run(): Promise<void> {
    const seen = { ids: 0, at: 0 };
    while (!this.#isStopped) {
      const message = messageTo(this.bob, { payload: random(100) });
      const started = performance.now();
      const reply = await this.#alice.submit(message);
      if (!reply.ok || reply.outcomes[0] !== 'stored') this.complaints.push(`not stored: ${JSON.stringify(reply)}`);
      const mine = await this.#his.until(() => this.#find(seen, hex(message.id)), 'the message of the witness');
      if (hex(mine.payload) !== hex(message.payloads[0] ?? random(1))) this.complaints.push('another payload');
      await this.#his.ack(mine);
      this.slowestMs = Math.round(Math.max(this.slowestMs, performance.now() - started));
      this.said++;
      // What was looked at needs no memory.
      this.#his.received.length = 0;
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  close(): void {
    this.#alice.close();
    this.#his.close();
  }

  /** Strangers may write to Bob as well: only the order of seqs and Alice's message matter. */
  #find(seen: { at: number }, id: string) {
    const found = this.#his.envelopes.find((envelope) => hex(envelope.id) === id);
    for (const { seq } of this.#his.envelopes) {
      if (seq > seen.at + 1) this.complaints.push(`seq ${seq} after ${seen.at}`);
      seen.at = Math.max(seen.at, seq);
    }
    return found;
  }
}
