import { largestHlc, messageOutboxId } from '../history/rows.js';
import { aciOf } from '../content/content.js';
import type { HistoryRows, IdentityRow, OutboxRow } from '../history/schema.js';
import type { ReadTransaction } from '../storage/tables.js';
import type { EngineContext } from './context.js';
import { heldConversations } from './identities.js';
import { planOutgoing, type Outgoing } from './outgoing.js';

/** Rows looked at in one go. */
const PAGE = 200;

/** Contents of a round that are sealed with what it has read of their conversations; what comes later reads anew. */
const MAX_FACTS = 32;

/** What sealing must know of a conversation, as it was when its outbox rows were read. */
export interface ConversationFacts {
  /** Of the other user. */
  readonly identity: IdentityRow | undefined;
  /** The largest clock value stored. */
  readonly largest: number;
}

/** One look at the outbox. */
export interface Round {
  /** The first contents in order that something can be done for. */
  readonly plan: readonly Outgoing[];
  /** By conversation. */
  readonly facts: ReadonlyMap<string, ConversationFacts>;
}

/** A conversation, and who the other user is. */
export type Place = Pick<Outgoing, 'conversation' | 'peer'>;
type Transaction = ReadTransaction<Pick<HistoryRows, 'outbox' | 'identities' | 'messages'>>;

/**
 * Reads what may leave now, and in the same transaction what sealing it will need. What waits must not hide what could go.
 *
 * @param sealed the message that an outbox row was sealed as
 * @param likely a conversation that is probably in it: what sealing needs of that one is asked for at once
 * @param mayLeave `held`: conversations with contacts whose new identity the person has not accepted
 */
export async function readRound(
  context: EngineContext,
  sealed: ReadonlyMap<string, string>,
  likely: Place | undefined,
  mayLeave: (row: OutboxRow, held: ReadonlySet<string>) => boolean,
): Promise<Round> {
  const before: OutboxRow[] = [];
  const passed = new Set<string>();
  for (let after = 0; ;) {
    const range = { index: 'order', lower: [after], lowerOpen: true, limit: PAGE };
    const read = await context.history.read(['outbox', 'identities', 'messages'], async (transaction) => {
      const [rows, held, early] = await Promise.all([
        transaction.range('outbox', range),
        heldConversations(transaction, context),
        likely && readFacts(transaction, context, likely),
      ]);
      for (const { id } of rows) passed.add(id);
      const eligible = [...before, ...rows.filter((row) => mayLeave(row, held) && !isAhead(row, passed))];
      const last = rows.at(-1);
      if (last && rows.length === PAGE && eligible.length < PAGE) return { eligible, next: last.order };
      const plan = planOutgoing(eligible, context, sealed);
      const known = early && likely && new Map([[likely.conversation, early]]);
      return { eligible, round: { plan, facts: await readAll(transaction, context, plan.slice(0, MAX_FACTS), known) } };
    });
    if (read.round) return read.round;
    before.splice(0, Infinity, ...read.eligible);
    after = read.next;
  }
}

/**
 * Whether this sends a message again that the relay has for nobody yet. An own device takes a copy for sent: it must not get there
 * before the message itself.
 *
 * @param passed outbox rows up to this one: a message stands before what sends it again
 */
function isAhead({ resend }: OutboxRow, passed: ReadonlySet<string>): boolean {
  return resend !== null && passed.has(messageOutboxId(resend.message));
}

async function readAll(
  transaction: Transaction,
  context: EngineContext,
  plan: readonly Outgoing[],
  known: ReadonlyMap<string, ConversationFacts> = new Map(),
): Promise<Map<string, ConversationFacts>> {
  const places = new Map(plan.map((outgoing) => [outgoing.conversation, outgoing]));
  const facts = [...places.values()].map(async (place) => {
    const { conversation } = place;
    return [conversation, known.get(conversation) ?? (await readFacts(transaction, context, place))] as const;
  });
  return new Map(await Promise.all(facts));
}

async function readFacts(
  transaction: Transaction,
  context: EngineContext,
  { conversation, peer }: Place,
): Promise<ConversationFacts> {
  const [identity, largest] = await Promise.all([
    transaction.get('identities', [aciOf(context.app, peer)]),
    largestHlc(transaction, conversation, false),
  ]);
  return { identity, largest };
}
