export type { ClientOptions, ConnectionState, SottoClient } from './client/types.js';
export type {
  Conversation, ConversationSummary, Message, MessageStatus, UndecryptableCause,
} from './conversations/types.js';
export { SDK_ERRORS, SottoError, type SdkErrorCode } from './errors.js';
export type { Live } from './live.js';
