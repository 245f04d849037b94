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
  /** When this page heard of it, `performance.now()`. */
  readonly since: number;
  /** How long the relay held it, ms; null while it still does. */
  readonly heldMs: number | null;
  /** On its way out of the picture. */
  readonly leaving: boolean;
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

/**
 * The state after an observation; the same object if it told nothing new.
 *
 * @param now `performance.now()`
 */
export function observe(state: RelayState, observation: DevObservation, now: number): RelayState {
  switch (observation.type) {
    case 'stored':
      return stored(state, observation, now);
    case 'acked':
      return acknowledged(state, observation, now);
    case 'directory':
      return directory(state, observation);
  }
}

/** Keys of the envelopes that an acknowledgement is about. */
export function acknowledgedBy(state: RelayState, { mailbox, seq }: Observed<'acked'>): ReadonlySet<string> {
  const envelopes = state.mailboxes.get(mailboxKey(mailbox)) ?? [];
  return new Set(envelopes.filter((envelope) => envelope.seq <= seq).map(({ key }) => key));
}

/** Lets deleted envelopes begin to leave the picture. */
export function dismiss(state: RelayState, keys: ReadonlySet<string>): RelayState {
  return withEach(state, (envelopes) =>
    envelopes.map((envelope) => (keys.has(envelope.key) ? { ...envelope, leaving: true } : envelope)),
  );
}

/** Takes them out of it. */
export function remove(state: RelayState, keys: ReadonlySet<string>): RelayState {
  return withEach(state, (envelopes) => envelopes.filter(({ key }) => !keys.has(key)));
}

function withEach(state: RelayState, change: (envelopes: readonly Envelope[]) => readonly Envelope[]): RelayState {
  const changed = [...state.mailboxes].map(([mailbox, envelopes]) => [mailbox, change(envelopes)] as const);
  return { ...state, mailboxes: new Map(changed) };
}

export function heldCount(state: RelayState): number {
  let count = 0;
  for (const envelopes of state.mailboxes.values()) count += envelopes.filter(isHeld).length;
  return count;
}

export function isHeld(envelope: Envelope): boolean {
  return envelope.heldMs === null;
}

/** A device that registered anew has a new mailbox, which begins at 1 again. */
function directory(state: RelayState, { devices }: Observed<'directory'>): RelayState {
  const before = new Map(state.devices.map((device) => [mailboxKey(device), device.registration]));
  const renewed = devices.filter((device) => {
    const registration = before.get(mailboxKey(device));
    return registration !== undefined && registration !== device.registration;
  });
  if (renewed.length === 0) return { ...state, devices };
  const gone = new Set(renewed.map(mailboxKey));
  const without = <Value>(map: ReadonlyMap<string, Value>) => new Map([...map].filter(([key]) => !gone.has(key)));
  return {
    ...state,
    devices,
    mailboxes: without(state.mailboxes),
    deletedUpTo: without(state.deletedUpTo),
    highest: without(state.highest),
  };
}

function stored(state: RelayState, { mailbox, from, seq, bytes, head }: Observed<'stored'>, now: number): RelayState {
  const name = mailboxKey(mailbox);
  const envelopes = state.mailboxes.get(name) ?? [];
  const key = `${name}/${seq}`;
  if (envelopes.some((envelope) => envelope.key === key)) return state;
  const envelope: Envelope = { key, seq, bytes, head, from, since: now, heldMs: null, leaving: false };
  const highest = state.highest.get(name) ?? 0;
  return {
    ...state,
    carried: seq > highest ? state.carried + 1 : state.carried,
    highest: new Map(state.highest).set(name, Math.max(seq, highest)),
    mailboxes: new Map(state.mailboxes).set(name, [...envelopes, envelope]),
  };
}

/** Acknowledgements are cumulative. */
function acknowledged(state: RelayState, { mailbox, seq }: Observed<'acked'>, now: number): RelayState {
  const name = mailboxKey(mailbox);
  const envelopes = (state.mailboxes.get(name) ?? []).map((envelope) =>
    envelope.seq <= seq && isHeld(envelope) ? { ...envelope, heldMs: now - envelope.since } : envelope,
  );
  return {
    ...state,
    mailboxes: new Map(state.mailboxes).set(name, envelopes),
    deletedUpTo: new Map(state.deletedUpTo).set(name, Math.max(seq, state.deletedUpTo.get(name) ?? 0)),
  };
}
