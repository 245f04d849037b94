/** The form of a version 2 message that a client sends to its server, and how the server splits it (sealed-sender.md 5). */
import { RecordWriter } from '../encoding/record-writer.js';
import { equalBytes } from '../primitives/constant-time.js';
import { concat } from '../primitives/bytes.js';
import { invalidEnvelope } from './envelope-error.js';

/** C, the message key masked for one recipient. */
export const MASKED_KEY_BYTES = 32;
/** AT, which tells the recipient that the certificate's owner sealed the message. */
export const AUTH_TAG_BYTES = 16;

/** Entries hold a whole service id (17 bytes). */
const SENT_BYTE = 0x23;
/** Older: entries hold the 16 bytes of a UUID. */
const OLD_SENT_BYTE = 0x22;
const RECEIVED_BYTE = 0x22;
const SERVICE_ID_BYTES = 17;
const UUID_BYTES = 16;
const EPHEMERAL_BYTES = 32;
const MORE_DEVICES = 0x8000;
const REGISTRATION_ID_MASK = 0x3fff;

export interface SentDevice {
  /** 1..127. */
  readonly deviceId: number;
  /** At most 0x3fff. */
  readonly registrationId: number;
}

export interface SentRecipient {
  /** Fixed-width service id, 17 bytes. */
  readonly serviceId: Uint8Array;
  readonly devices: readonly SentDevice[];
  /** C, 32 bytes. */
  readonly masked: Uint8Array;
  /** AT, 16 bytes. */
  readonly tag: Uint8Array;
}

export interface SentMessage {
  readonly recipients: readonly SentRecipient[];
  /** Fixed-width service ids, 17 bytes each. */
  readonly excluded: readonly Uint8Array[];
  /** E without its type byte, 32 bytes. */
  readonly ephemeral: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export function encodeSentMessage({ recipients, excluded, ephemeral, ciphertext }: SentMessage): Uint8Array {
  const writer = new RecordWriter(ciphertext.length + 80 * (recipients.length + 1));
  writer.u8(SENT_BYTE).varint(recipients.length + excluded.length);
  for (const { serviceId, devices, masked, tag } of recipients) {
    writer.fixed(serviceId);
    for (const [i, { deviceId, registrationId }] of devices.entries()) {
      const bits = registrationId | (i < devices.length - 1 ? MORE_DEVICES : 0);
      writer
        .u8(deviceId)
        .u8(bits >> 8)
        .u8(bits & 0xff);
    }
    writer.fixed(masked).fixed(tag);
  }
  for (const serviceId of excluded) writer.fixed(serviceId).u8(0);
  return writer.fixed(ephemeral).fixed(ciphertext).finish();
}

/** Reads bytes from the front; running out of them is `invalid-message`. */
class Cursor {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  take(length: number): Uint8Array {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw invalidEnvelope('sent message too short');
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }

  u8(): number {
    return this.take(1)[0] ?? 0;
  }

  /** An unsigned varint below 2^32. */
  varint(): number {
    let value = 0;
    for (let i = 0; i < 5; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw invalidEnvelope('unterminated count');
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#offset);
  }
}

/**
 * Parses a sent message. Entries of one recipient are merged; the first one's keys count.
 * @throws CryptoError `invalid-message`
 */
export function decodeSentMessage(bytes: Uint8Array): SentMessage {
  const cursor = new Cursor(bytes);
  const version = cursor.u8();
  if (version !== SENT_BYTE && version !== OLD_SENT_BYTE) throw invalidEnvelope('unknown version of a sent message');
  const recipients: (SentRecipient & { devices: SentDevice[] })[] = [];
  const excluded: Uint8Array[] = [];
  const isNamed = (list: readonly Uint8Array[], id: Uint8Array): boolean => list.some((other) => equalBytes(other, id));
  const count = cursor.varint();
  for (let i = 0; i < count; i++) {
    const serviceId = readServiceId(cursor, version);
    const devices = readDevices(cursor);
    const earlier = recipients.find((recipient) => equalBytes(recipient.serviceId, serviceId));
    if (isNamed(excluded, serviceId) || (devices.length === 0 && earlier !== undefined)) {
      throw invalidEnvelope('a recipient is both excluded and named again');
    }
    if (devices.length === 0) {
      excluded.push(serviceId);
      continue;
    }
    const [masked, tag] = [cursor.take(MASKED_KEY_BYTES), cursor.take(AUTH_TAG_BYTES)];
    if (earlier === undefined) recipients.push({ serviceId, devices, masked, tag });
    else earlier.devices.push(...devices);
  }
  return { recipients, excluded, ephemeral: cursor.take(EPHEMERAL_BYTES), ciphertext: cursor.rest() };
}

function readServiceId(cursor: Cursor, version: number): Uint8Array {
  if (version === SENT_BYTE) return cursor.take(SERVICE_ID_BYTES);
  return concat(Uint8Array.of(0), cursor.take(UUID_BYTES));
}

/** Empty for an excluded recipient. */
function readDevices(cursor: Cursor): SentDevice[] {
  const devices: SentDevice[] = [];
  for (;;) {
    const deviceId = cursor.u8();
    if (deviceId === 0) {
      if (devices.length === 0) return devices;
      throw invalidEnvelope('device id 0');
    }
    const bits = (cursor.u8() << 8) | cursor.u8();
    devices.push({ deviceId, registrationId: bits & REGISTRATION_ID_MASK });
    if ((bits & MORE_DEVICES) === 0) return devices;
  }
}

/** The envelope that all devices of one recipient get. */
export function receivedMessage({ ephemeral, ciphertext }: SentMessage, { masked, tag }: SentRecipient): Uint8Array {
  return concat(Uint8Array.of(RECEIVED_BYTE), masked, tag, ephemeral, ciphertext);
}
