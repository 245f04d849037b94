/** @sotto/crypto/attachment: encrypted files (docs/attachment.md). */
export { ATTACHMENT_KEY_BYTES, sealedAttachmentSize } from './attachment-format.js';
export {
  decryptAttachment,
  encryptAttachment,
  generateAttachmentKey,
  type EncryptAttachmentOptions,
} from './attachment-stream.js';
export { openAttachment, type AttachmentReader, type AttachmentSource } from './attachment-reader.js';
