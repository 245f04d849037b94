/** A request or an acknowledgement that takes longer has been lost. */
export const TIMEOUT_MS = 20_000;

/** No relay may ask for more patience than this. */
export const MAX_SILENCE_MS = 300_000;

/** What comes over a Socket.IO connection. Nothing of it has been looked at but its frame. */
export interface WireEvents {
  event(name: string, message?: unknown): void;
  /** Once, when it is over. `refusal`: what the relay said when it did not let us in. */
  ended(refusal: unknown): void;
}

/** A Socket.IO connection to the relay. */
export interface Wire {
  /** @throws RelayError `network` when no answer came */
  ask(event: string, message: object): Promise<unknown>;
  /** After this no event comes any more. */
  close(): void;
}
