import { limits, type Ack, type Submit } from '@sotto/protocol';

/**
 * The two messages that come thousands of times a second, checked by hand. These only ever accept: whatever they do not
 * recognise at once is judged by the protocol's schemas, which stay the one definition of what is valid. That nothing is
 * accepted here and refused there is a property test.
 */
export function isPlainSubmit(value: unknown): value is Submit {
  if (!isObject(value) || !hasExactly(value, SUBMIT_KEYS)) return false;
  const { id, payloads, recipients } = value;
  return (
    isBytes(id, 16, 16) &&
    isList(payloads, 1, limits.MAX_RECIPIENT_DEVICES, isPayload) &&
    isList(recipients, 1, limits.MAX_RECIPIENT_DEVICES, isRecipient)
  );
}

export function isPlainAck(value: unknown): value is Ack {
  return isObject(value) && hasExactly(value, ACK_KEYS) && isWhole(value['seq'], 1) && isBytes(value['id'], 16, 16);
}

const SUBMIT_KEYS = ['id', 'payloads', 'recipients'];
const RECIPIENT_KEYS = ['user', 'list', 'devices', 'complete'];
const DEVICE_KEYS = ['device', 'registration', 'payload'];
const ACK_KEYS = ['seq', 'id'];
const ACI = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function isRecipient(value: unknown): boolean {
  if (!isObject(value) || !hasExactly(value, RECIPIENT_KEYS)) return false;
  const { user, list, devices, complete } = value;
  return (
    typeof complete === 'boolean' &&
    isWhole(list, 1) &&
    typeof user === 'string' &&
    ACI.test(user) &&
    isList(devices, 0, limits.MAX_DEVICES_PER_USER, isDevice)
  );
}

function isDevice(value: unknown): boolean {
  return (
    isObject(value) &&
    hasExactly(value, DEVICE_KEYS) &&
    isWhole(value['device'], 1, limits.MAX_DEVICE_ID) &&
    isWhole(value['registration'], 1, limits.MAX_REGISTRATION_ID) &&
    isWhole(value['payload'], 0)
  );
}

function isPayload(value: unknown): boolean {
  return isBytes(value, 1, limits.MAX_PAYLOAD_BYTES);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasExactly(value: Record<string, unknown>, keys: readonly string[]): boolean {
  return Object.keys(value).length === keys.length && keys.every((key) => Object.hasOwn(value, key));
}

function isList(value: unknown, min: number, max: number, isValid: (each: unknown) => boolean): boolean {
  if (!Array.isArray(value) || value.length < min || value.length > max) return false;
  // `every` would skip holes.
  for (const each of value) if (!isValid(each)) return false;
  return true;
}

function isBytes(value: unknown, min: number, max: number): boolean {
  return value instanceof Uint8Array && value.length >= min && value.length <= max;
}

function isWhole(value: unknown, min: number, max: number = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}
