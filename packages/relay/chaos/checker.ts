import type { History, Observation } from './history.js';

type Of<K extends Observation['kind']> = Extract<Observation, { kind: K }>;

/**
 * What the relay promises, held against what clients saw. Returns what was broken, in words; empty when all is well.
 *
 * - An acknowledged submit reached each recipient that it was stored for, or is still in the mailbox.
 * - On one socket seqs continue one by one; over all sockets they have no gap, and one seq is one envelope.
 * - An envelope has one seq, also when its submit was repeated: once only within the dedupe window.
 * - What a sender submitted one after the other has growing seqs.
 * - What arrives was submitted, to this recipient, with this content.
 * - Nobody hears that a device is gone: none is removed in a run.
 */
export function checkHistory(history: History): string[] {
  const of = <K extends Observation['kind']>(kind: K) => history.filter((each): each is Of<K> => each.kind === kind);
  const seen = [...of('delivered'), ...of('held')];
  const mailboxes = byRecipient(seen);
  return [
    ...of('anomaly').map(({ what }) => what),
    ...lost(of('answered'), mailboxes),
    ...brokenSockets(of('welcomed'), of('delivered')),
    ...[...mailboxes].flatMap(([recipient, envelopes]) => brokenMailbox(recipient, envelopes)),
    ...strange(of('submitted'), seen),
    ...reordered(of('submitted'), mailboxes),
    ...storedTwice(of('answered')),
    ...declaredGone(of('answered')),
  ];
}

type Seen = Of<'delivered'> | Of<'held'>;

function byRecipient(seen: Seen[]): Map<string, Seen[]> {
  const mailboxes = new Map<string, Seen[]>();
  for (const each of seen) {
    const others = mailboxes.get(each.recipient);
    if (others) others.push(each);
    else mailboxes.set(each.recipient, [each]);
  }
  return mailboxes;
}

function lost(answers: Of<'answered'>[], mailboxes: Map<string, Seen[]>): string[] {
  const arrived = new Map(
    [...mailboxes].map(([recipient, all]) => [recipient, new Set(all.map((one) => one.message))]),
  );
  const promised = answers.flatMap(({ message, outcomes }) =>
    Object.entries(outcomes)
      .filter(([, outcome]) => outcome === 'stored' || outcome === 'duplicate')
      .map(([recipient]) => ({ message, recipient })),
  );
  return promised
    .filter(({ message, recipient }) => !arrived.get(recipient)?.has(message))
    .map(({ message, recipient }) => `lost: ${message} was acknowledged and never reached ${recipient}`);
}

function brokenSockets(welcomes: Of<'welcomed'>[], deliveries: Of<'delivered'>[]): string[] {
  const last = new Map(welcomes.map(({ recipient, connection, after }) => [`${recipient}/${connection}`, after]));
  return deliveries.flatMap(({ recipient, connection, seq }) => {
    const socket = `${recipient}/${connection}`;
    const before = last.get(socket);
    last.set(socket, seq);
    if (before === undefined) return [`order: ${socket} was delivered ${seq} before its welcome`];
    return seq === before + 1 ? [] : [`order: ${socket} was delivered ${seq} after ${before}`];
  });
}

function brokenMailbox(recipient: string, envelopes: Seen[]): string[] {
  const bySeq = new Map<number, string>();
  const byMessage = new Map<string, number>();
  const found: string[] = [];
  for (const { seq, message } of envelopes) {
    const [other, before] = [bySeq.get(seq), byMessage.get(message)];
    if (other !== undefined && other !== message) found.push(`rewritten: seq ${seq} of ${recipient} was two envelopes`);
    if (before !== undefined && before !== seq)
      found.push(`doubled: ${message} reached ${recipient} as ${before} and as ${seq}`);
    bySeq.set(seq, message);
    byMessage.set(message, seq);
  }
  const gaps = [...bySeq.keys()].sort((a, b) => a - b).filter((seq, index) => seq !== index + 1);
  if (gaps[0] !== undefined) found.push(`gap: ${recipient} never saw what is before seq ${gaps[0]}`);
  return found;
}

function strange(submits: Of<'submitted'>[], seen: Seen[]): string[] {
  const known = new Map(submits.map((submit) => [submit.message, submit]));
  return seen.flatMap(({ message, recipient, content }) => {
    const submit = known.get(message);
    if (!submit?.recipients.includes(recipient))
      return [`strange: ${message} reached ${recipient}, for whom it was not`];
    return submit.content === content ? [] : [`altered: ${message} reached ${recipient} with other content`];
  });
}

/** Each sender waits for the answer before it submits the next. */
function reordered(submits: Of<'submitted'>[], mailboxes: Map<string, Seen[]>): string[] {
  return [...mailboxes].flatMap(([recipient, envelopes]) => {
    const seqs = new Map(envelopes.map(({ message, seq }) => [message, seq]));
    const last = new Map<string, number>();
    return submits.flatMap(({ sender, message }) => {
      const seq = seqs.get(message);
      if (seq === undefined) return [];
      const before = last.get(sender) ?? 0;
      last.set(sender, seq);
      return seq > before ? [] : [`order: ${message} of ${sender} reached ${recipient} before what was sent earlier`];
    });
  });
}

function storedTwice(answers: Of<'answered'>[]): string[] {
  const stored = new Set<string>();
  return answers.flatMap(({ message, outcomes }) =>
    Object.entries(outcomes).flatMap(([recipient, outcome]) => {
      if (outcome !== 'stored') return [];
      const key = `${message}/${recipient}`;
      if (stored.has(key)) return [`doubled: ${message} was stored twice for ${recipient}`];
      stored.add(key);
      return [];
    }),
  );
}

function declaredGone(answers: Of<'answered'>[]): string[] {
  return answers.flatMap(({ message, outcomes }) =>
    Object.entries(outcomes)
      .filter(([, outcome]) => outcome === 'device-gone')
      .map(([recipient]) => `refused: the sender of ${message} was told that the device of ${recipient} is gone`),
  );
}
