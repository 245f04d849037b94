import type { Endpoint, Wire } from './endpoint.js';
import { seededChance } from './random.js';

export interface ConversationOptions {
  /** Messages sent in all. */
  readonly messages: number;
  /** Part of them that never arrives. */
  readonly loss: number;
  readonly seed: number;
}

export interface ConversationResult {
  readonly sent: number;
  readonly delivered: number;
  /** Deliveries of a message that had been delivered before; every one was refused. */
  readonly repeatsRefused: number;
  readonly overtaken: number;
}

interface Underway {
  readonly text: string;
  readonly wire: Wire;
  readonly number: number;
  /** Turn at which it arrives. */
  readonly due: number;
}

/** A message may be overtaken for so many turns. Both libraries keep five receiver chains, each turn may start one. */
const MAX_DELAY_TURNS = 2;
const MAX_BURST = 8;
const REPEAT_CHANCE = 0.05;
const DELAY_CHANCE = 0.3;

/**
 * A conversation over a bad line: bursts of random length from either side, some messages lost, some late, some delivered
 * twice. Throws as soon as anything that arrives does not decrypt to what was said, or a repetition is accepted.
 */
export async function converse(
  alice: Endpoint,
  bob: Endpoint,
  options: ConversationOptions,
): Promise<ConversationResult> {
  const chance = seededChance(options.seed);
  const line = { alice: [] as Underway[], bob: [] as Underway[] };
  const result = { sent: 0, delivered: 0, repeatsRefused: 0, overtaken: 0 };
  const newest = { alice: -1, bob: -1 };
  for (let turn = 0; result.sent < options.messages; turn++) {
    const sender = chance() < 0.5 ? 'alice' : 'bob';
    const [from, to] = sender === 'alice' ? [alice, bob] : [bob, alice];
    const burst = Math.min(1 + Math.floor(chance() * MAX_BURST), options.messages - result.sent);
    for (let i = 0; i < burst; i++) {
      const number = result.sent++;
      const text = `${sender} ${number} ${'x'.repeat(Math.floor(chance() * 200))}`;
      const wire = await from.send(to.address, text);
      const delay = chance() < DELAY_CHANCE ? Math.ceil(chance() * MAX_DELAY_TURNS) : 0;
      if (chance() >= options.loss) line[sender].push({ text, wire, number, due: turn + delay });
    }
    for (const direction of ['alice', 'bob'] as const) {
      const [author, reader] = direction === 'alice' ? [alice, bob] : [bob, alice];
      const arriving = line[direction].filter(({ due }) => due <= turn);
      line[direction] = line[direction].filter(({ due }) => due > turn);
      for (const { text, wire, number } of shuffle(arriving, chance)) {
        await expectText(reader, author, wire, text);
        result.delivered++;
        if (number < newest[direction]) result.overtaken++;
        newest[direction] = Math.max(newest[direction], number);
        if (chance() < REPEAT_CHANCE) {
          await expectRefused(reader, author, wire);
          result.repeatsRefused++;
        }
      }
    }
  }
  return result;
}

function shuffle<T>(items: readonly T[], chance: () => number): T[] {
  return items
    .map((item) => ({ item, place: chance() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

async function expectText(reader: Endpoint, author: Endpoint, wire: Wire, text: string): Promise<void> {
  const received = await reader.receive(author.address, wire);
  if (received !== text) throw new Error(`expected ${JSON.stringify(text)}, got ${JSON.stringify(received)}`);
}

async function expectRefused(reader: Endpoint, author: Endpoint, wire: Wire): Promise<void> {
  let accepted = true;
  try {
    await reader.receive(author.address, wire);
  } catch {
    accepted = false;
  }
  if (accepted) throw new Error('a repeated message was accepted');
}
