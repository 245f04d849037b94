import {
  PROBLEMS,
  type ConnectionState,
  type IdentityState,
  type Message,
  type Notice,
  type SdkErrorCode,
  type UndecryptableCause,
} from '@sotto/sdk';

/** Why a message of one's own failed: the code of a `failed` message. */
export type FailureCode = NonNullable<Extract<Message, { kind: 'text' }>['failure']>;

/** What is known of a change of the other user's identity. */
export type ChangedIdentity = Extract<IdentityState, { state: 'changed' }>;

/** Why a client is signed out. */
export type SignedOutCode = Extract<ConnectionState, { state: 'signed-out' }>['code'];

/** Why naming, removing or linking a device did not work. */
export type DeviceProblem =
  | SdkErrorCode
  | NonNullable<Extract<ConnectionState, { state: 'needs-device' }>['code']>
  | 'passphrases-differ'
  | 'other';

/**
 * Everything that the widget says. Set `strings` on the element to a part or all of it to translate; what is missing
 * stays English. Dates and times follow the element's `lang` (or the nearest ancestor's).
 */
export interface Strings {
  conversationWith(name: string): string;
  encrypted: string;
  empty(name: string): string;
  emptyNote: string;

  you: string;
  today: string;
  yesterday: string;
  unread: string;
  loadingEarlier: string;
  toNewest: string;
  newMessages(count: number): string;

  messageTo(name: string): string;
  placeholder: string;
  send: string;
  textTooLong: string;
  storageFull: string;
  actionFailed: string;

  pending: string;
  sent: string;
  delivered: string;
  read: string;
  failed: string;
  retry: string;
  failure(code: FailureCode, name: string): string;

  undecryptable(cause: UndecryptableCause, name: string): string;
  identityChanged(name: string): string;

  online: string;
  typing: string;
  lastSeen(when: string): string;
  safetyNumber: string;
  safetyTitle(name: string): string;
  safetyCode: string;
  safetyNote(name: string): string;
  verified(name: string): string;
  verify: string;
  unverify: string;
  close: string;
  identityQuestion(name: string, change: ChangedIdentity): string;
  compare: string;
  acceptIdentity: string;
  dismissIdentity: string;

  connecting: string;
  catchingUp(left: number): string;
  offline: string;
  signedOut(code: SignedOutCode): string;
  needsDevice: string;
  resetOffer: string;
  resetWarning(name: string): string;
  resetConfirm: string;
  resetFailed: string;
  cancel: string;
  storageFailed(code: 'storage-full' | 'storage-failed' | 'keys-lost'): string;
  closed: string;

  /** The client's sentences are English; `code` says which one it is. */
  notice(notice: Notice): string;
  dismissNotice: string;

  ownDevices: string;
  /** What a contact says their name is, as it stands beside the name that this side knows. */
  quoted: (ownName: string) => string;
  callsThemselves: (name: string, ownName: string) => string;
  profileName: string;
  noProfileName: string;
  profileNote: string;
  change: string;
  thisDevice: string;
  unnamedDevice: string;
  lastActive(day: string): string;
  rename: string;
  deviceName: string;
  save: string;
  remove: string;
  removeWarning(device: string): string;
  removeConfirm: string;
  linkOther: string;
  linkOtherNote: string;
  passphrase: string;
  passphraseAgain: string;
  passphraseShort(least: number): string;
  seal: string;
  sealing: string;
  sealedText: string;
  sealedNote: string;
  copy: string;
  copied: string;
  done: string;
  back: string;
  linkOffer: string;
  linkNote: string;
  link: string;
  linking: string;
  deviceProblem(problem: DeviceProblem): string;
}

/** The texts that the widget shows unless it is given others. */
export const english: Strings = {
  conversationWith: (name) => `Conversation with ${name}`,
  encrypted: 'End-to-end encrypted',
  empty: (name) => `Say hello to ${name}`,
  emptyNote: 'Only the two of you can read what is written here.',

  you: 'You',
  today: 'Today',
  yesterday: 'Yesterday',
  unread: 'New messages',
  loadingEarlier: 'Loading earlier messages',
  toNewest: 'Go to the newest message',
  newMessages: (count) => (count === 1 ? '1 new message' : `${count} new messages`),

  messageTo: (name) => `Message to ${name}`,
  placeholder: 'Write a message',
  send: 'Send',
  textTooLong: 'This is too long for one message. Please send it in parts.',
  storageFull: 'There is no room left on this device, so the message was not stored. Free some space and try again.',
  actionFailed: 'That did not work. Please try again.',

  pending: 'Waiting to be sent',
  sent: 'Sent',
  delivered: 'Delivered',
  read: 'Read',
  failed: 'Not sent',
  retry: 'Try again',
  failure: failureSentence,

  undecryptable: undecryptableSentence,
  identityChanged: (name) =>
    `${name}’s security key has changed, as it does with a new phone or browser. If in doubt, ask ${name} in another way.`,

  online: 'Online',
  typing: 'Typing…',
  lastSeen: (when) => `Last seen ${when}`,
  safetyNumber: 'Safety number',
  safetyTitle: (name) => `Safety number with ${name}`,
  safetyCode: 'The same number as a code to scan',
  safetyNote: (name) =>
    `Compare it with ${name}, side by side or over the phone. If both of you see the same, nobody reads along.`,
  verified: (name) => `You have verified ${name}`,
  verify: 'They are the same',
  unverify: 'Remove the mark',
  close: 'Close',
  identityQuestion: identityQuestionSentence,
  compare: 'Compare safety numbers',
  acceptIdentity: 'Send anyway',
  dismissIdentity: 'All right',

  connecting: 'Connecting…',
  catchingUp: (left) => `Catching up: ${left} to go`,
  offline: 'You are offline. What you write now goes out when you are back.',
  signedOut: (code) => PROBLEMS[code],
  needsDevice: PROBLEMS['needs-device'],
  resetOffer: 'Start afresh here',
  resetWarning: (name) =>
    `Your other devices will be signed out, messages waiting for them are lost, and ${name} will see that your security key changed.`,
  resetConfirm: 'Yes, start afresh',
  resetFailed: PROBLEMS['reset-refused'],
  cancel: 'Cancel',
  storageFailed: (code) => PROBLEMS[code],
  closed: 'This chat is closed.',

  notice: ({ text }) => text,
  dismissNotice: 'Dismiss',

  ownDevices: 'Your name and devices',
  quoted: (ownName) => `“${ownName}”`,
  callsThemselves: (name, ownName) => `${name} goes by “${ownName}”`,
  profileName: 'Your name, as others see it',
  noProfileName: 'No name yet',
  profileNote: 'Goes to people you write to, end-to-end encrypted. Leave it empty to show none.',
  change: 'Change',
  thisDevice: 'This device',
  unnamedDevice: 'A device without a name',
  lastActive: (day) => `Last active: ${day}`,
  rename: 'Rename',
  deviceName: 'Name of this device',
  save: 'Save',
  remove: 'Remove',
  removeWarning: (device) =>
    `${device} will be signed out, and what it holds is wiped as soon as it is online. If somebody else has it now, they may have kept its keys.`,
  removeConfirm: 'Yes, remove it',
  linkOther: 'Link another device',
  linkOtherNote: 'Your key travels to the other device as sealed text. Choose the passphrase that opens it there.',
  passphrase: 'Passphrase',
  passphraseAgain: 'The passphrase once more',
  passphraseShort: (least) => `Please take at least ${least} characters. Four random words are good.`,
  seal: 'Seal',
  sealing: 'Sealing…',
  sealedText: 'Sealed text',
  sealedNote:
    'Open this chat on the other device, choose “Link this browser”, and paste this text there. It works once, within ten minutes. Never send it together with the passphrase: whoever has both can be you.',
  copy: 'Copy',
  copied: 'Copied',
  done: 'Done',
  back: 'Back',
  linkOffer: 'Link this browser',
  linkNote: 'On your other device, open “Your devices” and choose “Link another device”. Paste the text that it shows.',
  link: 'Link',
  linking: 'Linking…',
  deviceProblem: deviceProblemSentence,
};

function deviceProblemSentence(problem: DeviceProblem): string {
  switch (problem) {
    case 'passphrases-differ':
      return 'The two passphrases are not the same.';
    case 'wrong-passphrase':
      return 'This passphrase does not open the text. Check both: a letter may be missing.';
    case 'link-invalid':
      return 'This is not the sealed text of one of your devices. Copy all of it, from the first to the last letter.';
    case 'link-token-invalid':
    case 'device-limit':
      return PROBLEMS[problem];
    case 'relay-unreachable':
    case 'timed-out':
      return 'There was no answer. Try again when you are online.';
    case 'profile-name':
      return 'A name has 1 to 64 characters, and some that can be seen.';
    case 'device-unknown':
      return 'This device is not on the list any more.';
    default:
      return 'That did not work. Please try again.';
  }
}

function identityQuestionSentence(name: string, { held, wasVerified }: ChangedIdentity): string {
  const what = wasVerified
    ? `${name}’s security key is not the one you verified.`
    : `${name}’s security key has changed.`;
  return held ? `${what} What you write waits here until you decide.` : what;
}

function failureSentence(code: FailureCode, name: string): string {
  switch (code) {
    case 'identity-changed':
      return `Not delivered: ${name}’s security key changed in the meantime.`;
    case 'forged-keys':
      return `Not sent: the server offered keys that are not ${name}’s.`;
    default:
      return `Not sent. ${PROBLEMS[code]}`;
  }
}

function undecryptableSentence(cause: UndecryptableCause, name: string): string {
  switch (cause) {
    case 'malformed-content':
    case 'header-mismatch':
    case 'malformed-envelope':
      return `A message from ${name} was damaged or not genuine, so it is not shown.`;
    case 'no-session':
    case 'bad-ciphertext':
    case 'prekey-missing':
    case 'repeated-handshake':
      return `A message from ${name} could not be decrypted on this device. ${name} can send it again.`;
  }
}
