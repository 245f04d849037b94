import { Buffer } from 'node:buffer';

import { limits, up, type Ack, type Submit } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import { MessagePackReader, UNEXPECTED } from './message-pack.js';

/** A `submit` or `ack`, with the number under which its sender waits for the answer. */
export type HotRequest =
  { event: 'submit'; replyTo: number; message: Submit } | { event: 'ack'; replyTo: number; message: Ack };

type Recipients = Submit['recipients'];
type Event = { event: 'submit'; message: Submit } | { event: 'ack'; message: Ack };

/** The Socket.IO packet type. */
const EVENT = 2;

/** Lists of recipients that a socket's reader knows again, and how long one may be: all devices of two people. */
const MAX_KNOWN = 8;
const MAX_KNOWN_BYTES = 2048;

/**
 * Reads the two messages that come thousands of times a second straight from their Socket.IO packets. It only ever
 * accepts: whatever it does not recognise at once is `null`, and goes the way of everything else, through the library and
 * the protocol's schemas, which stay the one definition of what is valid. That nothing is accepted here and refused there
 * is a property test.
 *
 * One for each socket: who writes to the same devices as before repeats the same bytes, which need no reading, and gets
 * the same list. Others keep what they know about a list by its identity, and nobody changes it.
 */
export class HotReader {
  readonly #known: { bytes: Buffer; recipients: Recipients }[] = [];

  read(packet: unknown): HotRequest | null {
    if (!Buffer.isBuffer(packet)) return null;
    try {
      return this.#packet(new MessagePackReader(packet));
    } catch (error) {
      if (error === UNEXPECTED) return null;
      throw error;
    }
  }

  #packet(input: MessagePackReader): HotRequest {
    const fields = new Fields(PACKET, input.map());
    let data: Event | null = null;
    let replyTo = 0;
    while (fields.left > 0) {
      switch (fields.next(input)) {
        case 'type':
          expect(input.integer() === EVENT);
          break;
        case 'nsp':
          input.oneOf(NAMESPACE);
          break;
        case 'id':
          replyTo = input.integer();
          break;
        case 'data':
          data = this.#data(input);
          break;
        default:
          expect(input.map() === 1);
          input.oneOf(COMPRESS);
          input.boolean();
      }
    }
    if (!data || !input.isAtEnd || !fields.hasFirst(4)) throw UNEXPECTED;
    return data.event === 'submit'
      ? { event: 'submit', replyTo, message: data.message }
      : { event: 'ack', replyTo, message: data.message };
  }

  #data(input: MessagePackReader): Event {
    expect(input.list() === 2);
    return input.oneOf(EVENTS) === 0
      ? { event: 'submit', message: this.#submit(input) }
      : { event: 'ack', message: readAck(input) };
  }

  #submit(input: MessagePackReader): Submit {
    const fields = new Fields(SUBMIT, input.map());
    let [id, sealing, payloads, recipients]: [Buffer?, number?, Buffer[]?, Recipients?] = [];
    while (fields.left > 0) {
      const name = fields.next(input);
      if (name === 'id') id = input.binary(16, 16);
      else if (name === 'sealing') sealing = input.integer();
      else if (name === 'payloads') payloads = readPayloads(input);
      else recipients = this.#recipients(input);
    }
    if (!id || sealing === undefined || !payloads || !recipients) throw UNEXPECTED;
    return { id, sealing, payloads, recipients };
  }

  #recipients(input: MessagePackReader): Recipients {
    for (const { bytes, recipients } of this.#known) if (input.skip(bytes)) return recipients;
    const start = input.at;
    const parsed = s.safeParse(up.submit.shape.recipients, readMany(input, readRecipient));
    if (!parsed.success) throw UNEXPECTED;
    const bytes = input.since(start);
    if (bytes.length > MAX_KNOWN_BYTES) return parsed.data;
    // A copy: the packet lies in a larger buffer, which would be kept with it.
    this.#known.unshift({ bytes: Buffer.from(bytes), recipients: parsed.data });
    this.#known.splice(MAX_KNOWN);
    return parsed.data;
  }
}

function readAck(input: MessagePackReader): Ack {
  const fields = new Fields(ACK, input.map());
  let [seq, id]: [number?, Buffer?] = [];
  while (fields.left > 0) {
    if (fields.next(input) === 'seq') seq = input.integer();
    else id = input.binary(16, 16);
  }
  if (!seq || !id) throw UNEXPECTED;
  return { seq, id };
}

function readPayloads(input: MessagePackReader): Buffer[] {
  const payloads = readMany(input, readPayload);
  expect(payloads.length > 0 && payloads.length <= limits.MAX_RECIPIENT_DEVICES);
  return payloads;
}

function readPayload(input: MessagePackReader): Buffer {
  return input.binary(1, limits.MAX_PAYLOAD_BYTES);
}

function readRecipient(input: MessagePackReader): object {
  const fields = new Fields(RECIPIENT, input.map());
  const recipient: { [name in (typeof RECIPIENT.names)[number]]?: unknown } = {};
  while (fields.left > 0) {
    const name = fields.next(input);
    if (name === 'user') recipient.user = input.ascii();
    else if (name === 'complete') recipient.complete = input.boolean();
    else if (name === 'devices') recipient.devices = readMany(input, readDevice);
    else recipient.list = input.integer();
  }
  return recipient;
}

function readDevice(input: MessagePackReader): object {
  const fields = new Fields(DEVICE, input.map());
  const device: { [name in (typeof DEVICE.names)[number]]?: number } = {};
  while (fields.left > 0) device[fields.next(input)] = input.integer();
  return device;
}

function readMany<T>(input: MessagePackReader, read: (input: MessagePackReader) => T): T[] {
  const values: T[] = [];
  for (let left = input.list(); left > 0; left--) values.push(read(input));
  return values;
}

function expect(isAsExpected: boolean): void {
  if (!isAsExpected) throw UNEXPECTED;
}

/** The fields of one map: known ones only, and none twice. */
class Fields<Name extends string> {
  left: number;
  readonly #shape: Shape<Name>;
  #seen = 0;

  constructor(shape: Shape<Name>, count: number) {
    expect(count <= shape.names.length);
    this.#shape = shape;
    this.left = count;
  }

  next(input: MessagePackReader): Name {
    const index = input.oneOf(this.#shape.bytes);
    const name = this.#shape.names[index];
    expect(name !== undefined && (this.#seen & (1 << index)) === 0);
    this.#seen |= 1 << index;
    this.left--;
    return name as Name;
  }

  /** The first so many of the shape were there. */
  hasFirst(count: number): boolean {
    const wanted = (1 << count) - 1;
    return (this.#seen & wanted) === wanted;
  }
}

interface Shape<Name extends string> {
  names: readonly Name[];
  bytes: readonly Buffer[];
}

const texts = (...names: string[]) => names.map((name) => Buffer.from(name));
const shape = <Name extends string>(...names: Name[]): Shape<Name> => ({ names, bytes: texts(...names) });

const PACKET = shape('type', 'data', 'nsp', 'id', 'options');
const SUBMIT = shape('id', 'sealing', 'payloads', 'recipients');
const ACK = shape('seq', 'id');
const RECIPIENT = shape('user', 'list', 'devices', 'complete');
const DEVICE = shape('device', 'registration', 'payload');
const EVENTS = texts('submit', 'ack');
const NAMESPACE = texts('/');
const COMPRESS = texts('compress');
