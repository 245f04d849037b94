export { PROTOCOL_VERSION, MIN_PROTOCOL_VERSION } from './version.js';
export * as limits from './limits.js';
export { base64Bytes, binary, fromBase64Url, toBase64Url } from './bytes.js';
export {
  aci,
  aciBytes,
  aciFromDigest,
  aciInput,
  appId,
  deviceId,
  deviceSecret,
  envelopeId,
  mailboxSeq,
  preKeyId,
  registrationId,
  type Aci,
  type AppId,
  type DeviceId,
  type RegistrationId,
} from './ids.js';
export { ERROR_CODES, type ErrorCode } from './error-code.js';
export { ERROR_TEXTS } from './error-text.js';
export { errorBody, staleUser, type ErrorBody, type StaleUser } from './error.js';
export {
  decodeDeviceList,
  deviceListMessage,
  deviceListRecord,
  encodeDeviceList,
  signedDeviceList,
  type DeviceListRecord,
  type SignedDeviceList,
} from './device-list.js';
export {
  kemPreKey,
  oneTimePreKey,
  preKeyMessage,
  signedPreKey,
  type KemPreKey,
  type OneTimePreKey,
  type SignedPreKey,
} from './prekey.js';
export {
  deviceListResponse,
  devicesResponse,
  expiringDevice,
  linkTokenResponse,
  okResponse,
  putDeviceListRequest,
  registerRequest,
  registerResponse,
  type DeviceListResponse,
  type DevicesResponse,
  type ExpiringDevice,
  type LinkTokenResponse,
  type RegisterRequest,
  type RegisterResponse,
} from './http/devices.js';
export {
  bundlesRequest,
  bundlesResponse,
  preKeyBundle,
  preKeyCounts,
  putPreKeysRequest,
  type BundlesRequest,
  type BundlesResponse,
  type PreKeyBundle,
  type PreKeyCounts,
  type PutPreKeysRequest,
} from './http/prekeys.js';
export { DEVICE_HEADER, ROUTES, VERSION_HEADER } from './http/routes.js';
export { cursor, hello, welcome, type Cursor, type CursorVerdict, type Hello, type Welcome } from './socket/hello.js';
export { outcome, submit, submitReply, type Outcome, type Submit, type SubmitReply } from './socket/submit.js';
export { deliver, drained, envelope, type Deliver, type Drained, type Envelope } from './socket/deliver.js';
export { ack, plainReply, type Ack, type PlainReply } from './socket/ack.js';
export { bye, deviceExpiring, deviceListChanged, freshToken, preKeysLow, type FreshToken } from './socket/notice.js';
export {
  join,
  leave,
  publish,
  subscriptionTag,
  topicId,
  topicJoined,
  topicLeft,
  topicMessage,
  type Join,
  type Leave,
  type Publish,
  type TopicJoined,
  type TopicLeft,
  type TopicMessage,
} from './socket/topic.js';
export {
  down,
  SOCKET_PATH,
  up,
  type DownEvent,
  type DownMessage,
  type UpEvent,
  type UpReply,
} from './socket/events.js';
export { RESET_CLAIM, RESET_TOKEN_MAX_AGE_SECONDS, TOKEN_AUDIENCE } from './token.js';
export { DEV_APP, devObservation, type DevObservation } from './dev.js';
