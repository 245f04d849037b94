/** The public list of @sotto/crypto. See README.md for a tour. */
export { CRYPTO_ERROR_CODES, CryptoError, hasCode, type CryptoErrorCode } from './errors.js';
export type { RandomBytes } from './primitives/random.js';
export { constantTimeEqual } from './primitives/constant-time.js';
export { hkdf } from './primitives/hkdf.js';
export { hmacSha256 } from './primitives/hmac.js';

export { agree, generateKeyPair, keyPairFromPrivate, parsePublicKey, type KeyPair } from './keys/curve25519.js';
export { alternateIdentityMessage, sign, verify } from './keys/xeddsa.js';
export type { Agreement, AgreementFunction } from './keys/agreement.js';
export { SignatureVerdict, type VerifyFunction } from './keys/signature-verdict.js';
export { serviceIdFixedWidth, serviceIdVariableWidth, type LocalParty, type ProtocolAddress } from './keys/address.js';
export { generateKemKeyPair, type KemKeyPair } from './kem/kyber1024.js';

export { DEFAULT_POLICY, type HandshakePolicy } from './handshake/policy.js';
export type { PreKeyBundle, SignedPublicPreKey } from './handshake/pre-key-bundle.js';
export { readPreKeyMessage, type PreKeyMessageInfo } from './handshake/pre-key-message.js';

export {
  deserializeKemPreKey,
  deserializeOneTimePreKey,
  deserializeSignedPreKey,
  generateKemPreKey,
  generateOneTimePreKey,
  generateSignedPreKey,
  MAX_PRE_KEY_ID,
  serializeKemPreKey,
  serializeOneTimePreKey,
  serializeSignedPreKey,
  type KemPreKey,
  type OneTimePreKey,
  type SignedPreKey,
} from './prekeys/pre-key.js';

export { precomputeMessage, precomputePreKeyMessage, precomputeStart, type Accelerator } from './session/precompute.js';
export { Precomputed } from './session/precomputed.js';
export { webCryptoAccelerator } from './webcrypto/accelerator.js';
export { DEFAULT_LIMITS, type SessionLimits } from './session/limits.js';
export type { SessionState } from './session/session-state.js';
export {
  archiveCurrentSession,
  emptySessionRecord,
  hasUsableSession,
  knowsHandshake,
  type SessionRecord,
} from './session/session-record.js';
export { wipeSuperseded } from './session/wipe.js';
export { startSession, type StartSessionInput } from './session/start-session.js';
export {
  encrypt,
  type EncryptedMessage,
  type EncryptInput,
  type EncryptOutput,
  type MessageType,
} from './session/encrypt.js';
export { decryptMessage, type DecryptMessageInput, type DecryptMessageOutput } from './session/decrypt-message.js';
export {
  decryptPreKeyMessage,
  type DecryptPreKeyMessageInput,
  type DecryptPreKeyMessageOutput,
  type PrivatePreKeys,
  type UsedPreKeys,
} from './session/decrypt-pre-key-message.js';
export {
  deserializeSession,
  deserializeSessionRecord,
  serializeSession,
  serializeSessionRecord,
} from './session/session-codec.js';

export {
  createDistributionMessage,
  DEFAULT_GROUP_LIMITS,
  finishGroupMessage,
  groupDecrypt,
  groupEncrypt,
  groupSignatureOf,
  prepareGroupMessage,
  processDistributionMessage,
  readDistributionMessage,
  readGroupMessage,
  type GroupDecryptInput,
  type GroupEncryptInput,
  type GroupLimits,
  type GroupMessageSent,
  type GroupSignature,
  type PreparedGroupMessage,
} from './groups/group-cipher.js';
export type { SenderKeyMessageInfo } from './groups/sender-key-message.js';
export {
  emptySenderKeyRecord,
  type Ed25519Origin,
  type SenderKeyRecord,
  type SenderKeyState,
  type SigningKey,
} from './groups/sender-key-record.js';
export { deserializeSenderKeyRecord, serializeSenderKeyRecord } from './groups/sender-key-codec.js';
export { webCryptoEd25519, type WebCryptoEd25519 } from './webcrypto/ed25519.js';

export {
  createSenderCertificate,
  createServerCertificate,
  parseSenderCertificate,
  parseServerCertificate,
  validateSenderCertificate,
  type CertificateTrust,
  type SenderCertificate,
  type ServerCertificate,
} from './sealed-sender/certificate.js';
export {
  CONTENT_HINT,
  decodeSealedContent,
  encodeSealedContent,
  type SealedContent,
  type SealedContentInput,
  type SealedMessageType,
} from './sealed-sender/sealed-content.js';
export { sealForOne } from './sealed-sender/envelope-v1.js';
export { sealForMany, type SealRecipient } from './sealed-sender/envelope-v2.js';
export {
  decodeSentMessage,
  receivedMessage,
  type SentDevice,
  type SentMessage,
  type SentRecipient,
} from './sealed-sender/sent-message.js';
export {
  openEnvelope,
  openSealedSender,
  type OpenedSealedSender,
  type OpenSealedSenderInput,
} from './sealed-sender/sealed-sender.js';
export {
  decodeDecryptionError,
  encodeDecryptionError,
  type DecryptionErrorMessage,
} from './sealed-sender/plaintext-content.js';
