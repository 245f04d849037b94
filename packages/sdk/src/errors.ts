/**
 * Every way in which the SDK says no to its caller. What the network does shows in `connection` and in message states
 * instead: those are facts, not exceptions.
 */
export const SDK_ERRORS = {
  'bad-options': 'The options of createClient are not usable; the message names the field.',
  'bad-user':
    'A user name must have 1 to 255 bytes of UTF-8, and a direct conversation needs another user than oneself.',
  'text-empty': 'There is nothing to send.',
  'text-too-long': 'A text may have 32,768 bytes of UTF-8. Send it in parts.',
  'message-unknown': 'There is no such message in this conversation.',
  'identity-unknown': 'This user has no device yet, so there is no identity to compare.',
  'storage-full': 'The browser has no room left; nothing was stored. Free some space and try again.',
  'storage-failed': 'The browser refused access to its database (private mode, a policy, or a damaged profile).',
  'storage-in-use': 'Another process has these files open. Stop it, or choose another folder.',
  'wrong-passphrase': 'The passphrase does not open this, or the bytes were altered.',
  'link-invalid': 'This is not a bundle for this user, or this browser is a device already.',
  'relay-unreachable': 'The relay could not be reached, or refused. Try again when `connection` is online.',
  'device-unknown': 'There is no such device on the list.',
  'profile-name': 'A display name has 1 to 64 characters, and some that can be seen.',
  'device-name': 'A device name has 1 to 64 characters.',
  'timed-out': 'No tab of this client answered in time. Try again.',
  closed: 'The client was closed.',
} as const;

/** Stable; {@link SDK_ERRORS} has a sentence for each. */
export type SdkErrorCode = keyof typeof SDK_ERRORS;

/** An error with a stable `code`; the message is for people and never contains content or keys. */
export class SottoError extends Error {
  override readonly name = 'SottoError';

  constructor(
    readonly code: SdkErrorCode,
    detail?: string,
    options?: ErrorOptions,
  ) {
    super(detail === undefined ? SDK_ERRORS[code] : `${SDK_ERRORS[code]} (${detail})`, options);
  }
}
