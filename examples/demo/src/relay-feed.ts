import { devObservation, type DevObservation } from '@sotto/protocol';
import { safeParse } from '@sotto/protocol/schema';

import { acknowledgedBy, dismiss, EMPTY_RELAY, observe, remove, type RelayState } from './relay-state.js';

/** How long (ms) an envelope stays in sight after the relay has deleted it: it is too fast for the eye. */
const IN_SIGHT_MS = 2_600;

/** How long (ms) the farewell of an envelope lasts; the styles take as long. */
const FAREWELL_MS = 900;

/** Follows what the dev relay shows of itself, and keeps deleted envelopes in sight for a moment, marked as such. */
export class RelayFeed extends EventTarget {
  #state: RelayState = EMPTY_RELAY;
  readonly #source: EventSource;

  constructor(url: string) {
    super();
    this.#source = new EventSource(url);
    this.#source.addEventListener('message', (event: MessageEvent<string>) => this.#receive(event.data));
    // After a break the relay tells anew what it holds.
    this.#source.addEventListener('error', () => this.#set({ ...this.#state, mailboxes: EMPTY_RELAY.mailboxes }));
  }

  get state(): RelayState {
    return this.#state;
  }

  #receive(data: string): void {
    const parsed = safeParse(devObservation, parseJson(data));
    if (parsed.success) this.#observe(parsed.data);
  }

  #observe(observation: DevObservation): void {
    this.#set(observe(this.#state, observation, performance.now()));
    if (observation.type !== 'acked') return;
    const gone = acknowledgedBy(this.#state, observation);
    setTimeout(() => {
      this.#set(dismiss(this.#state, gone));
      setTimeout(() => this.#set(remove(this.#state, gone)), FAREWELL_MS);
    }, IN_SIGHT_MS);
  }

  #set(state: RelayState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.dispatchEvent(new Event('change'));
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
