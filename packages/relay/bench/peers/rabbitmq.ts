import { randomBytes } from 'node:crypto';

import { connect, type ChannelModel, type ConfirmChannel } from 'amqplib';

import { withCpu, type Measured } from '../context.js';
import { pidOf } from '../cpu.js';
import { now, PAYLOAD_BYTES } from '../load/party.js';

const ADDRESS = 'amqp://guest:guest@127.0.0.1:5672';
/** Deliveries that a consumer may hold: the relay's own window. */
const PREFETCH = 500;

interface Work {
  pairs: number;
  outstanding: number;
  seconds: number;
}

/**
 * The same work on RabbitMQ: a durable quorum queue per recipient, publisher confirms (they come after the fsync),
 * acknowledgements of the consumer, cumulative per tick. A connection per device.
 *
 * @returns why there is nothing to compare with, when there is no RabbitMQ
 */
export async function rabbitThroughput(work: Work): Promise<Measured | string> {
  const server = pidOf('beam.smp');
  const first = await connect(ADDRESS).catch(() => null);
  if (!first || server === null) return 'RabbitMQ is not running on this machine';
  await first.close();
  const pairs = await Promise.all(Array.from({ length: work.pairs }, (_, index) => RabbitPair.open(index)));
  try {
    return await withCpu({ rabbitmq: server, load: process.pid }, async () => {
      const started = now();
      await Promise.all(pairs.map((pair) => pair.run(work.outstanding, started + work.seconds * 1e3)));
      return {
        submitted: pairs.reduce((total, { sent }) => total + sent, 0),
        received: pairs.reduce((total, { latencies }) => total + latencies.length, 0),
        seconds: (now() - started) / 1e3,
        latencies: Float64Array.from(pairs.flatMap(({ latencies }) => latencies)),
        failures: [],
      };
    });
  } finally {
    await Promise.all(pairs.map((pair) => pair.close()));
  }
}

class RabbitPair {
  readonly latencies: number[] = [];
  sent = 0;
  readonly #queue: string;
  readonly #connections: ChannelModel[];
  readonly #sender: ConfirmChannel;
  readonly #receiver: ConfirmChannel;
  #unacked: Parameters<ConfirmChannel['ack']>[0] | null = null;

  private constructor(queue: string, connections: ChannelModel[], channels: [ConfirmChannel, ConfirmChannel]) {
    this.#queue = queue;
    this.#connections = connections;
    [this.#sender, this.#receiver] = channels;
  }

  static async open(index: number): Promise<RabbitPair> {
    const queue = `sotto-bench-${process.pid}-${index}-${randomBytes(4).toString('hex')}`;
    const [from, to] = await Promise.all([connect(ADDRESS), connect(ADDRESS)]);
    const channels = await Promise.all([from.createConfirmChannel(), to.createConfirmChannel()]);
    const pair = new RabbitPair(queue, [from, to], channels);
    await channels[1].assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await channels[1].prefetch(PREFETCH);
    await channels[1].consume(queue, (message) => {
      if (message) pair.#received(message);
    });
    return pair;
  }

  async run(outstanding: number, deadline: number): Promise<void> {
    const again = async () => {
      while (now() < deadline) await this.#publish();
    };
    await Promise.all(Array.from({ length: outstanding }, again));
    while (this.latencies.length < this.sent) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async close(): Promise<void> {
    await this.#receiver.deleteQueue(this.#queue);
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }

  #publish(): Promise<void> {
    const payload = randomBytes(PAYLOAD_BYTES);
    payload.writeDoubleBE(now());
    this.sent++;
    return new Promise((resolve, reject) => {
      this.#sender.publish('', this.#queue, payload, { persistent: true }, (error: unknown) => {
        if (error) reject(new Error('RabbitMQ refused a message', { cause: error }));
        else resolve();
      });
    });
  }

  #received(message: Parameters<ConfirmChannel['ack']>[0]): void {
    this.latencies.push(now() - message.content.readDoubleBE(0));
    if (!this.#unacked) {
      setImmediate(() => {
        if (this.#unacked) this.#receiver.ack(this.#unacked, true);
        this.#unacked = null;
      });
    }
    this.#unacked = message;
  }
}
