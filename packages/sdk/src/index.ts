/**
 * The client: one user on one device. Start with {@link createClient}.
 *
 * @module @sotto/sdk
 */

export type { ClientOptions, ConnectionState, Device, SottoClient } from './client/types.js';
export type {
  Conversation,
  ConversationSummary,
  Edges,
  IdentityState,
  IncomingMessage,
  JumpTarget,
  Message,
  Profile,
  SafetyNumber,
} from './conversations/types.js';
export type { MessageStatus, ResendState, SendFailure, UndecryptableCause } from './history/message-state.js';
export type { IdentityPolicy } from './history/identity-policy.js';
export { UNDECRYPTABLE_CAUSES } from './history/message-state.js';
export { NOTICES, type Notice, type NoticeCode } from './history/notice.js';
export type { PresenceMode } from './history/schema.js';
export type { Presence } from './presence/screen.js';
export type { ReceiptPolicy } from './history/receipt-policy.js';
export { createClient } from './client/create-client.js';
export { SDK_ERRORS, SottoError, type SdkErrorCode } from './errors.js';
export { PROBLEMS, type ProblemCode } from './problems.js';
export type { StorageInfo } from './client/storage-info.js';
export type { Live } from './live.js';
export type { StorageFailure } from './history/connection-status.js';
