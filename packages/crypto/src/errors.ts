/**
 * Every failure of this package, by code. A code is stable; the message text is for developers and may change.
 *
 * - `duplicate-message`     the message key was used before: the message was already decrypted. Acknowledge and ignore.
 * - `invalid-message`       wrong MAC, padding, jump or post-quantum data. Nothing changed; ask for a resend.
 * - `session-not-found`     no session, or only one that has waited for an answer too long. Fetch a bundle.
 * - `untrusted-identity`    reserved for callers, who own trust decisions.
 * - `legacy-version`        the message is of a protocol version below 3. The sender must update.
 * - `unrecognized-version`  the message is of a newer protocol version. We must update.
 * - `unsupported-handshake` the peer offers a handshake that our policy refuses (X3DH without KEM).
 * - `too-short`             the message ends before its fixed parts.
 * - `invalid-protobuf`      the message's fields cannot be parsed or a required one is missing.
 * - `bad-key`               a key has the wrong type, length or value, or an agreement gave the zero point.
 * - `bad-signature`         a signature does not match; refuse the bundle or message.
 * - `prekey-missing`        the message names a prekey that the caller did not pass. It may have been used up.
 * - `corrupt-record`        stored bytes are damaged or of an unknown record version.
 * - `bad-certificate`       a sender or server certificate is malformed, expired or not signed by a trusted key.
 * - `self-send`            a sealed message that this very device sent. Ignore it.
 * - `wrong-passphrase`      sealed data does not open with this passphrase, or was altered.
 * - `corrupt-attachment`    an attachment is truncated, reordered or altered.
 * - `invalid-argument`      the caller broke a documented precondition.
 */
export const CRYPTO_ERROR_CODES = [
  'duplicate-message',
  'invalid-message',
  'session-not-found',
  'untrusted-identity',
  'legacy-version',
  'unrecognized-version',
  'unsupported-handshake',
  'too-short',
  'invalid-protobuf',
  'bad-key',
  'bad-signature',
  'prekey-missing',
  'corrupt-record',
  'bad-certificate',
  'self-send',
  'wrong-passphrase',
  'corrupt-attachment',
  'invalid-argument',
] as const;

export type CryptoErrorCode = (typeof CRYPTO_ERROR_CODES)[number];

/** The only error class that leaves this package; `cause` may hold the more specific failure. */
export class CryptoError extends Error {
  override readonly name = 'CryptoError';
  readonly code: CryptoErrorCode;

  constructor(code: CryptoErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Whether `error` is a {@link CryptoError} with the given code. */
export function hasCode(error: unknown, code: CryptoErrorCode): error is CryptoError {
  return error instanceof CryptoError && error.code === code;
}
