import type { ConnectionStatus, StorageFailure } from './history/connection-status.js';
import type { SendFailure } from './history/message-state.js';

/** Why the relay is not reached, or does not serve this client. */
type ConnectionProblem = NonNullable<Extract<ConnectionStatus, { code: unknown }>['code']>;

/** Every `code` of `connection`, and every `failure` of a message. Stable; {@link PROBLEMS} has a sentence for each. */
export type ProblemCode = SendFailure | ConnectionProblem | StorageFailure;

/**
 * What `connection` and failed messages tell by a code, with a sentence for the person who uses the app; `ERROR_TEXTS` of
 * `@sotto/protocol` tells those who build it. An app that does not import this does not load it.
 */
export const PROBLEMS: Readonly<Record<ProblemCode, string>> = {
  network: 'There is no connection. What you write now goes out when there is one again.',
  'token-failed': 'The app could not confirm who you are. It tries again by itself.',

  'identity-changed':
    'This was encrypted to a security key that the other side no longer has. Send it again if you trust the new one.',
  'forged-keys': 'The server offered keys that the other side did not sign, so nothing was sent.',

  'storage-full': 'This device has no room left for messages. Free some space: the chat then goes on by itself.',
  'storage-failed':
    'This browser does not let the chat store anything. Private windows and strict settings can cause that.',
  'keys-lost': 'This browser has deleted the keys of your chat. Old messages can be read; new ones need a fresh start.',

  'wrong-user': 'Someone else is signed in here. Sign in again to chat.',
  'token-missing': 'You are signed out. Sign in again to chat.',
  'token-invalid':
    'The server does not accept this sign-in. Sign in again; if that does not help, the app has to be mended.',
  'token-expired': 'You are signed out: your sign-in is over. Sign in again to chat.',
  'device-gone': 'This device was removed by another one of yours, and what it held is wiped.',
  'device-unknown':
    'The server does not know this device: you have started afresh on another one, or the server was restored. Link it again.',
  superseded: 'Another tab has taken over the connection.',

  'needs-device': 'Your messages live on another device, and this browser has no key to them yet.',
  'identity-mismatch': 'This device holds another security key than your other devices. Link it again.',
  'link-token-invalid': 'That text was used before, or is older than ten minutes. Make a new one on your other device.',
  'reset-refused': 'Starting afresh was refused. Sign in again, then try once more.',
  'device-limit': 'You have as many devices as there may be. Remove one, then try again.',
  'device-list-conflict': 'Your devices were changed from somewhere else at the same time. Try again.',

  'user-unknown': 'The other side has not opened the chat yet. What you wrote goes out when they do.',
  'mailbox-full': 'The other side has too many messages waiting. Yours goes out when they have been online.',
  'stale-device-list': 'The other side\u2019s devices have changed. The message is encrypted anew.',
  'too-large': 'This message is too large. Please send it in parts.',
  'ack-refused': 'This device and the server do not agree on what was received. It connects anew.',
  'topic-limit': 'Too many conversations are open at once to show who is online in all of them.',
  'topic-full': 'Who is online cannot be shown right now. Messages are not affected.',
  'topic-not-joined': 'Who is online cannot be shown right now. Messages are not affected.',

  'upgrade-required': 'This app is too old to connect. Update it, or reload the page.',
  'app-unknown': 'The server does not know this app. Its makers have to register it.',
  'app-suspended': 'This app is suspended for now. Nothing is deleted, and what you write goes out when it is resumed.',
  'origin-refused': 'The server does not admit this website. The app\u2019s makers have to add it.',
  'address-refused': 'The server does not admit this network. Try another one.',
  'bad-request': 'The server does not understand this app. Update it, or reload the page.',
  'not-found': 'There is no chat at this address. The app\u2019s makers have to correct it.',

  'rate-limited': 'Too much at once. It goes on by itself in a moment.',
  'shutting-down': 'The server restarts. It goes on by itself in a moment.',
  unavailable: 'The server cannot work right now. Nothing is lost, and it goes on by itself.',
  internal: 'The server has a problem. Nothing is lost, and it is tried again.',
};
