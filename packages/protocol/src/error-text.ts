import type { ErrorCode } from './error-code.js';

/** What each code means, and what to do about it: for people. Apart from the codes, as the SDK in a page needs only those. */
export const ERROR_TEXTS: Readonly<Record<ErrorCode, { readonly meaning: string; readonly action: string }>> = {
  'bad-request': {
    meaning: 'The request does not have the shape that this protocol version asks for.',
    action: 'Fix the request; the message names the field.',
  },
  'too-large': {
    meaning: 'The body or an envelope is larger than the relay accepts.',
    action: 'Send less at once; the limits come with the welcome.',
  },
  'not-found': {
    meaning: 'There is no such route.',
    action: 'See /openapi.json for the routes.',
  },
  'upgrade-required': {
    meaning: 'The client speaks a protocol version that this relay no longer (or not yet) serves.',
    action: 'Update the SDK, or the relay.',
  },
  'token-missing': {
    meaning: 'No login token came with the request.',
    action: 'Send a token that the app\u2019s backend signed.',
  },
  'token-invalid': {
    meaning: 'The token is not one that this relay accepts: wrong signature, algorithm, audience or app.',
    action: 'Check the key and the claims with which the app\u2019s backend signs.',
  },
  'token-expired': {
    meaning: 'The token was good, but its time is over.',
    action: 'Fetch a fresh token.',
  },
  'wrong-user': {
    meaning: 'The token names another user than the device belongs to.',
    action: 'Open the client with the user that is logged in.',
  },
  'app-unknown': {
    meaning: 'No app of this name is known to the relay.',
    action: 'Check the `iss` of the token and the relay\u2019s app list.',
  },
  'app-suspended': {
    meaning: 'The operator of the relay has suspended this app. Nothing is deleted.',
    action: 'Keep what is to be sent; it goes out when the app is resumed.',
  },
  'origin-refused': {
    meaning: 'This website is not among the app\u2019s allowed origins.',
    action: 'Add the origin to the app\u2019s configuration.',
  },
  'address-refused': {
    meaning: 'The relay\u2019s operator does not admit this network address.',
    action: 'Use another network, or ask the operator.',
  },
  'device-unknown': {
    meaning: 'The device is not registered (any more), or its secret is wrong.',
    action: 'The device was removed, or the relay lost it: register again.',
  },
  'device-gone': {
    meaning: 'The device was removed by its user.',
    action: 'Wipe the local data; link or register anew.',
  },
  'needs-device': {
    meaning: 'The user already has a device; a further one must be linked by it, or the user reset.',
    action: 'Link this browser from a device of the user, or reset.',
  },
  'identity-mismatch': {
    meaning: 'The identity key is not the one of the user\u2019s other devices.',
    action: 'Link the device again; all devices of a user share one identity.',
  },
  'link-token-invalid': {
    meaning: 'The link token is unknown, used or too old.',
    action: 'Fetch a new one on an existing device.',
  },
  'reset-refused': {
    meaning: 'Resetting needs a fresh token with the claim `sotto_reset`.',
    action: 'Let the app\u2019s backend confirm the person, then mint such a token.',
  },
  'device-limit': {
    meaning: 'The user has as many devices as are allowed.',
    action: 'Remove a device first.',
  },
  'user-unknown': {
    meaning: 'The user has no device yet, so nothing can be encrypted to it.',
    action: 'Keep the message; it can be sent once the user has opened the app.',
  },
  'device-list-conflict': {
    meaning: 'The list\u2019s version is not the successor of the stored one, or it names unregistered devices.',
    action: 'Fetch the current list, apply the change to it, sign again.',
  },
  'stale-device-list': {
    meaning: 'The message is not encrypted to exactly the current devices of a recipient; nothing was stored.',
    action: 'Fetch the named device lists, encrypt to the missing devices, submit again.',
  },
  'mailbox-full': {
    meaning: 'The recipient\u2019s mailbox cannot take more until its device has fetched some.',
    action: 'Try again later; nothing that was accepted is dropped.',
  },
  'ack-refused': {
    meaning: 'The acknowledgement is above the highest position ever assigned.',
    action: 'Reconnect; the cursor is compared anew.',
  },
  'topic-limit': {
    meaning: 'The socket has joined as many topics as it may.',
    action: 'Leave one first; only what is on screen needs its topic.',
  },
  'topic-full': {
    meaning: 'The topic has as many subscriptions on this relay node as it serves.',
    action: 'Go on without typing and presence for this conversation, and try again later.',
  },
  'topic-not-joined': {
    meaning: 'The socket publishes on a topic that it has not joined.',
    action: 'Join the topic; every new socket joins anew.',
  },
  superseded: {
    meaning: 'Another tab of the same device has taken over the connection.',
    action: 'Nothing, unless this tab wins the leadership again.',
  },
  'rate-limited': {
    meaning: 'Too many requests of this kind.',
    action: 'Wait as long as `retryAfterMs` says.',
  },
  'shutting-down': {
    meaning: 'This relay node is going down for a restart.',
    action: 'Reconnect; another node, or the new one, takes over.',
  },
  unavailable: {
    meaning: 'The relay cannot reach its database right now. What it acknowledged is safe.',
    action: 'Try again shortly.',
  },
  internal: {
    meaning: 'The relay failed in a way it did not expect. Nothing was half-stored.',
    action: 'Try again; the operator finds the cause in the log by the request id.',
  },
};
