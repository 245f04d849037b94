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

/** Why an envelope could not be read, with a sentence for people. Its sealed bytes are kept. */
export const UNDECRYPTABLE_CAUSES = {
  'no-session': 'This message came before a secure session existed on this device.',
  'bad-ciphertext': 'This message does not fit the secure session: it was damaged, or sealed with keys that are gone.',
  'prekey-missing': 'This message was sealed with a key that this device no longer has.',
  'repeated-handshake': 'This message repeats one that was received before, and was not accepted again.',
  'malformed-content': 'This message was decrypted, but its content makes no sense.',
  'header-mismatch': 'This message was decrypted, but says that it comes from or goes to somebody else.',
  'malformed-envelope': 'This is not an encrypted message at all.',
} as const;
/** Stable; {@link UNDECRYPTABLE_CAUSES} has a sentence for each. */
export type UndecryptableCause = keyof typeof UNDECRYPTABLE_CAUSES;

/** `asked`: its sender was asked to send it again. `unavailable`: it cannot be had. `none`: asking would not help. */
export type ResendState = 'asked' | 'unavailable' | 'none';
