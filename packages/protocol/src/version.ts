/**
 * The protocol version that SDK and relay negotiate in `hello`. Every change of a wire schema bumps it:
 * `test/schema-hash.test.ts` fails until the pinned hash and this number move together.
 *
 * History:
 *   1  first version: devices, device lists, prekeys, submit, deliver, ack, topics.
 */
export const PROTOCOL_VERSION = 1;

/** The oldest version this code still serves (a relay serves the current and the previous one). */
export const MIN_PROTOCOL_VERSION = 1;
