/** Bounds that both sides check before they parse or store anything. Sizes are bytes unless the name says otherwise. */

/** One envelope's payload. Text is padded to at most 64 KiB; the rest is room for handshake fields and later kinds. */
export const MAX_PAYLOAD_BYTES = 96 * 1024;

/** All payloads of one submit together: ten devices of a few users, each with a large message. */
export const MAX_SUBMIT_BYTES = 1024 * 1024;

/** A Socket.IO frame: one submit and its framing. Larger frames close the connection before they are parsed. */
export const MAX_FRAME_BYTES = MAX_SUBMIT_BYTES + 64 * 1024;

/** An HTTP body: a full upload of one-time prekeys (100 Kyber1024 keys with two signatures, base64url) is 320 KB. */
export const MAX_HTTP_BODY_BYTES = 512 * 1024;

/** Devices of one user. The relay allots the lowest free id, so ids stay small. */
export const MAX_DEVICES_PER_USER = 10;

/** Recipient devices of one submit. */
export const MAX_RECIPIENT_DEVICES = 1_000;

/** Highest device id that the Signal Protocol's addresses carry (keys-and-signatures.md, section 5). */
export const MAX_DEVICE_ID = 127;

/** Registration ids are 14 bits and never 0 (keys-and-signatures.md, section 5). */
export const MAX_REGISTRATION_ID = 0x3fff;

/** Prekey ids stay within the range that all historical clients accept (keys-and-signatures.md, section 5). */
export const MAX_PREKEY_ID = 0xffffff;

/** One-time prekeys a device keeps at the relay, and the count below which it refills. */
export const ONE_TIME_PREKEY_STOCK = 100;
export const ONE_TIME_PREKEY_LOW = 25;

/** A signed device list: ten entries of about 120 characters and a frame. */
export const MAX_DEVICE_LIST_BYTES = 4 * 1024;

/** Characters of a user name (`sub`) and of an app id: they are hashed with a length byte, and shown to people. */
export const MAX_USER_NAME_BYTES = 255;
export const MAX_APP_ID_LENGTH = 64;

/** A JWT; ours are under 1 KiB, RS256 with a few claims under 2 KiB. */
export const MAX_TOKEN_LENGTH = 8 * 1024;

/** Topics that one socket has joined: what is on screen. */
export const MAX_TOPICS_PER_SOCKET = 50;

/** What is published on a topic: typing, presence, the offer of a call. */
export const MAX_TOPIC_PAYLOAD_BYTES = 4 * 1024;

/** Envelopes and bytes that the relay sends to a socket before it waits for an acknowledgement. */
export const DELIVERY_WINDOW_ENVELOPES = 500;
export const DELIVERY_WINDOW_BYTES = 2 * 1024 * 1024;

/** Envelopes and bytes in one `deliver` frame. */
export const DELIVERY_BATCH_ENVELOPES = 100;
export const DELIVERY_BATCH_BYTES = 512 * 1024;
