import { resendAnswer, type ResendAnswerBody } from '../content/kinds/resend.js';
import type { Opened } from './open.js';
import { countMissing, without } from './gaps.js';
import type { SessionUnit } from './session-store.js';

/** What a device says of envelopes that it will not send again. */
export function answerIn(opened: Opened): ResendAnswerBody['items'] {
  if (opened.kind !== 'content' || opened.parsed === 'unknown') return [];
  return opened.parsed.kind.name === resendAnswer.name ? (opened.parsed.body as ResendAnswerBody).items : [];
}

/** Ids of the sender's envelopes whose matter this settles. */
export function healedBy(opened: Opened): string[] {
  if (opened.kind !== 'content') return [];
  const { resend } = opened.content;
  return [...(resend === undefined ? [] : [resend]), ...answerIn(opened).map(({ envelope }) => envelope)];
}

/** What will not come is missing no longer. @returns how much is still missing, by answer */
export async function settleAnswers(unit: SessionUnit, opened: readonly Opened[]): Promise<Map<Opened, number>> {
  const left = new Map<Opened, number>();
  for (const one of opened) {
    const items = answerIn(one);
    const { user, device, registration } = one.envelope;
    if (items.length === 0) continue;
    const counters = await unit.counters(user, device, registration);
    const missing = items.reduce((left, { counter }) => without(left, counter), counters.missing);
    if (missing !== counters.missing) await unit.count(user, device, { ...counters, missing });
    left.set(one, countMissing(missing));
  }
  return left;
}
