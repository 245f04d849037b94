/**
 * `<sotto-chat>`: private chat as a web component.
 *
 * @module @sotto/widget
 */

export {
  SottoConnectionEvent,
  SottoErrorEvent,
  SottoMessageEvent,
  SottoSendEvent,
  type SottoAction,
} from './events.js';
export { SottoChat } from './sotto-chat.js';
export {
  english,
  type ChangedIdentity,
  type DeviceProblem,
  type FailureCode,
  type SignedOutCode,
  type Strings,
} from './strings.js';
