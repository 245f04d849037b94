import type { Message } from '../../src/index.js';

/** The conversation as a list of texts, with the kinds of what has none. */
export const kindsOf = (messages: readonly Message[]): string[] =>
  messages.map(({ kind, text }) => (kind === 'text' ? text : kind));

/** Why envelopes could not be read. */
export const causesOf = (messages: readonly Message[]): string[] =>
  messages.flatMap((one) => (one.kind === 'undecryptable' ? [one.cause] : []));

export const isText = (messages: readonly Message[]): boolean =>
  messages.length > 0 && messages.every(({ kind }) => kind === 'text');

/** One bit of its last bytes is another. */
export const damaged = (payload: Uint8Array): Uint8Array =>
  payload.map((byte, i) => (i === payload.length - 3 ? byte ^ 1 : byte));
