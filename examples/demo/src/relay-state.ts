import type { DevObservation } from '@sotto/protocol';

type Observed<Type extends DevObservation['type']> = Extract<DevObservation, { type: Type }>;
type Address = Observed<'stored'>['mailbox'];

/** An envelope as the relay sees it. */
export interface Envelope {
  readonly key: string;
  readonly seq: number;
  readonly bytes: number;
  /** Its first bytes, hex. */
  readonly head: string;
  readonly from: Address;
  /** `acknowledged`: the relay has deleted it, the page is about to take it away. */
  readonly state: 'held' | 'acknowledged';
}

/** What the relay is known to hold, and what it has carried since the page was opened. */
export interface RelayState {
  readonly mailboxes: ReadonlyMap<string, readonly Envelope[]>;
  /** Highest acknowledged position per mailbox: everything up to it is deleted. */
  readonly deletedUpTo: ReadonlyMap<string, number>;
  /** Highest position seen per mailbox: after a break the relay tells of held envelopes again. */
  readonly highest: ReadonlyMap<string, number>;
  readonly devices: Observed<'directory'>['devices'];
  readonly carried: number;
}

export const EMPTY_RELAY: RelayState = {
  mailboxes: new Map(),
  deletedUpTo: new Map(),
  highest: new Map(),
  devices: [],
  carried: 0,
};

/** Names a mailbox: one device of one user. */
export function mailboxKey({ user, device }: { readonly user: string; readonly device: number }): string {
  return `${user}/${device}`;
}

/** The state after an observation; the same object if it told nothing new. */
export function observe(state: RelayState, observation: DevObservation): RelayState {
  switch (observation.type) {
    case 'stored':
      return stored(state, observation);
    case 'acked':
      return acknowledged(state, observation);
    case 'directory':
      return { ...state, devices: observation.devices };
  }
}

/** Keys of the envelopes that an acknowledgement is about. */
export function acknowledgedBy(state: RelayState, { mailbox, seq }: Observed<'acked'>): ReadonlySet<string> {
  const envelopes = state.mailboxes.get(mailboxKey(mailbox)) ?? [];
  return new Set(envelopes.filter((envelope) => envelope.seq <= seq).map(({ key }) => key));
}

/** Takes acknowledged envelopes out of sight. */
export function remove(state: RelayState, keys: ReadonlySet<string>): RelayState {
  const mailboxes = new Map(state.mailboxes);
  for (const [mailbox, envelopes] of mailboxes)
    mailboxes.set(
      mailbox,
      envelopes.filter(({ key }) => !keys.has(key)),
    );
  return { ...state, mailboxes };
}

export function heldCount(state: RelayState): number {
  let count = 0;
  for (const envelopes of state.mailboxes.values()) count += envelopes.filter(isHeld).length;
  return count;
}

export function isHeld(envelope: Envelope): boolean {
  return envelope.state === 'held';
}

function stored(state: RelayState, { mailbox, from, seq, bytes, head }: Observed<'stored'>): RelayState {
  const name = mailboxKey(mailbox);
  const envelopes = state.mailboxes.get(name) ?? [];
  const key = `${name}/${seq}`;
  if (envelopes.some((envelope) => envelope.key === key)) return state;
  const envelope: Envelope = { key, seq, bytes, head, from, state: 'held' };
  const highest = state.highest.get(name) ?? 0;
  return {
    ...state,
    carried: seq > highest ? state.carried + 1 : state.carried,
    highest: new Map(state.highest).set(name, Math.max(seq, highest)),
    mailboxes: new Map(state.mailboxes).set(name, [...envelopes, envelope]),
  };
}

/** Acknowledgements are cumulative. */
function acknowledged(state: RelayState, { mailbox, seq }: Observed<'acked'>): RelayState {
  const name = mailboxKey(mailbox);
  const envelopes = (state.mailboxes.get(name) ?? []).map((envelope) =>
    envelope.seq <= seq ? { ...envelope, state: 'acknowledged' as const } : envelope,
  );
  return {
    ...state,
    mailboxes: new Map(state.mailboxes).set(name, envelopes),
    deletedUpTo: new Map(state.deletedUpTo).set(name, Math.max(seq, state.deletedUpTo.get(name) ?? 0)),
  };
}
