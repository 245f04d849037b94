import type { ErrorCode } from '@sotto/protocol';

/**
 * Only grows: pending < sent < delivered < read. `sent`: stored for at least one device of the recipient; `delivered`
 * and `read`: at least one of them said so. `failed` needs the person; see `failure`.
 */
export type MessageStatus = 'pending' | 'sent' | 'delivered' | 'read' | 'failed';

/**
 * Why a message will not go out by itself: the relay's code; `identity-changed`: it was encrypted to keys that the contact no
 * longer has; `forged-keys`: the relay served keys that the contact did not sign.
 */
export type SendFailure = ErrorCode | 'identity-changed' | 'forged-keys';

/** Why an envelope could not be shown. Its sealed bytes are kept. */
export type UndecryptableCause =
  | 'no-session'
  | 'bad-ciphertext'
  | 'prekey-missing'
  | 'repeated-handshake'
  | 'malformed-content'
  | 'header-mismatch'
  | 'malformed-envelope';
