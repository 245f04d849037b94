import { describe, expect, test } from 'vitest';
import { generateKeyPair, keyPairFromPrivate } from '../../src/keys/curve25519.js';
import { createSenderCertificate, createServerCertificate } from '../../src/sealed-sender/certificate.js';
import { sealForOne } from '../../src/sealed-sender/envelope-v1.js';
import { sealForMany } from '../../src/sealed-sender/envelope-v2.js';
import { decodeDecryptionError, encodeDecryptionError } from '../../src/sealed-sender/plaintext-content.js';
import { CONTENT_HINT, decodeSealedContent, encodeSealedContent } from '../../src/sealed-sender/sealed-content.js';
import { openEnvelope, openSealedSender } from '../../src/sealed-sender/sealed-sender.js';
import { decodeSentMessage, encodeSentMessage, receivedMessage } from '../../src/sealed-sender/sent-message.js';
import { hex, text, toHex, utf8 } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';
import { vectors } from '../support/json.js';
import { ALICE, BOB } from '../support/party.js';
import { seededRandom } from '../support/random.js';

const vector = vectors('gen-sealed-sender') as {
  trustRoot: string;
  senderIdentityPrivate: string;
  recipientIdentityPrivate: string;
  sender: { uuid: string; device: number; e164: string; expires: number };
  recipient: { uuid: string; device: number; registrationId: number };
  senderCertificate: string;
  usmc: string;
  libsignal: { v1: string; v2Sent: string; v2Received: string };
  deterministic: { v1EphemeralPrivate: string; v1: string; v2M: string; v2Received: string };
};
const sent = vectors('public-ssv2-sent-parse') as {
  cases: {
    name: string;
    input: string;
    valid: boolean;
    recipients: { serviceIdFixedWidth: string; devices: [number, number][]; received: string }[];
    excluded: string[];
  }[];
};

const sender = keyPairFromPrivate(hex(vector.senderIdentityPrivate));
const recipient = keyPairFromPrivate(hex(vector.recipientIdentityPrivate));
const local = {
  identityKeyPair: recipient,
  address: { name: vector.recipient.uuid, deviceId: vector.recipient.device },
};
const trust = { trustRoots: [hex(vector.trustRoot)], now: vector.sender.expires };

describe('vectors', () => {
  test.each(['v1', 'v2Received'] as const)('libsignal %s opens', (form) => {
    const opened = openSealedSender({ envelope: hex(vector.libsignal[form]), local, trust });
    expect(opened.sender).toEqual({ name: vector.sender.uuid, deviceId: vector.sender.device });
    expect(opened.senderE164).toBe(vector.sender.e164);
    expect(toHex(opened.senderIdentityKey)).toBe(toHex(sender.publicKey));
    const { message, type } = decodeSealedContent(hex(vector.usmc));
    expect({ message: toHex(opened.message), type: opened.type }).toEqual({ message: toHex(message), type });
  });

  test('the content block, byte for byte', () => {
    const { type, message, contentHint, groupId } = decodeSealedContent(hex(vector.usmc));
    const certificate = hex(vector.senderCertificate);
    expect(toHex(encodeSealedContent({ type, certificate, message, contentHint, groupId }))).toBe(vector.usmc);
  });

  test('version 1, byte for byte', () => {
    const random = () => hex(vector.deterministic.v1EphemeralPrivate);
    const envelope = sealForOne({ content: hex(vector.usmc), sender, recipient: recipient.publicKey, random });
    expect(toHex(envelope)).toBe(vector.deterministic.v1);
  });

  test('version 2, byte for byte', () => {
    const message = decodeSentMessage(
      sealForMany({
        content: hex(vector.usmc),
        sender,
        recipients: [
          { ...local.address, registrationId: vector.recipient.registrationId, identityKey: recipient.publicKey },
        ],
        random: () => hex(vector.deterministic.v2M),
      }),
    );
    const [entry] = message.recipients;
    if (entry === undefined) throw new Error('no recipient');
    expect(toHex(receivedMessage(message, entry))).toBe(vector.deterministic.v2Received);
  });

  test("libsignal's sent form, split, opens; and is how we write it", () => {
    const message = decodeSentMessage(hex(vector.libsignal.v2Sent));
    const [entry] = message.recipients;
    if (entry === undefined) throw new Error('no recipient');
    const opened = openSealedSender({ envelope: receivedMessage(message, entry), local, trust });
    expect(opened.sender.name).toBe(vector.sender.uuid);
    expect(toHex(encodeSentMessage(message))).toBe(vector.libsignal.v2Sent);
  });

  test.each(sent.cases)('sent form: $name', ({ input, valid, recipients, excluded }) => {
    if (!valid) {
      expectCode('invalid-message', () => decodeSentMessage(hex(input)));
      return;
    }
    const message = decodeSentMessage(hex(input));
    expect(message.excluded.map(toHex)).toEqual(excluded);
    expect(
      message.recipients.map((entry) => ({
        serviceIdFixedWidth: toHex(entry.serviceId),
        devices: entry.devices.map(({ deviceId, registrationId }) => [deviceId, registrationId]),
        received: toHex(receivedMessage(message, entry)),
      })),
    ).toEqual(recipients);
  });
});

const random = seededRandom(31);
const root = generateKeyPair(random);
const server = generateKeyPair(random);
const alice = generateKeyPair(random);
const bob = generateKeyPair(random);
const carol = generateKeyPair(random);
const serverCertificate = createServerCertificate({
  id: 1,
  publicKey: server.publicKey,
  trustRootPrivateKey: root.privateKey,
  random,
});
const certificate = createSenderCertificate({
  uuid: ALICE,
  deviceId: 1,
  expires: 5000,
  identityKey: alice.publicKey,
  serverCertificate,
  serverPrivateKey: server.privateKey,
  random,
});
const ourTrust = { trustRoots: [root.publicKey], now: 1000 };
const toBob = { identityKeyPair: bob, address: { name: BOB, deviceId: 1 } };
const content = encodeSealedContent({
  type: 'whisper',
  certificate,
  message: utf8('ciphertext'),
  contentHint: CONTENT_HINT.resendable,
  groupId: utf8('group'),
});

describe('stories', () => {
  test('Alice seals for Bob, who learns that it was her', () => {
    const envelope = sealForOne({ content, sender: alice, recipient: bob.publicKey, random });
    const opened = openSealedSender({ envelope, local: toBob, trust: ourTrust });
    expect(opened).toMatchObject({ sender: { name: ALICE, deviceId: 1 }, type: 'whisper', contentHint: 1 });
    expect([text(opened.message), text(opened.groupId)]).toEqual(['ciphertext', 'group']);
  });

  test('Mallory cannot use the certificate of Alice, in either version', () => {
    const mallory = generateKeyPair(random);
    const one = sealForOne({ content, sender: mallory, recipient: bob.publicKey, random });
    expectCode('invalid-message', () => openEnvelope(one, bob));
    const recipients = [{ name: BOB, deviceId: 1, registrationId: 9, identityKey: bob.publicKey }];
    const many = decodeSentMessage(sealForMany({ content, sender: mallory, recipients, random }));
    for (const entry of many.recipients)
      expectCode('invalid-message', () => openEnvelope(receivedMessage(many, entry), bob));
  });

  test('one message for two devices of Bob and one of Carol, and none for Dave', () => {
    const dave = '5d088142-6fd7-4dba-af00-fdda1b3ce988';
    const bytes = sealForMany({
      content,
      sender: alice,
      recipients: [
        { name: BOB, deviceId: 1, registrationId: 9, identityKey: bob.publicKey },
        { name: BOB, deviceId: 2, registrationId: 0x3fff, identityKey: bob.publicKey },
        { name: ALICE, deviceId: 2, registrationId: 10, identityKey: carol.publicKey },
      ],
      excluded: [dave],
      random,
    });
    const message = decodeSentMessage(bytes);
    expect(message.recipients.map(({ devices }) => devices.length)).toEqual([2, 1]);
    expect(message.excluded).toHaveLength(1);
    const [forBob, forCarol] = message.recipients.map((entry) => receivedMessage(message, entry));
    if (forBob === undefined || forCarol === undefined) throw new Error('two recipients expected');
    expect(text(openEnvelope(forBob, bob).message)).toBe('ciphertext');
    expect(text(openEnvelope(forCarol, carol).message)).toBe('ciphertext');
    expectCode('invalid-message', () => openEnvelope(forBob, carol));
  });

  test('what this very device sent is refused, what another device of ours sent is not', () => {
    const envelope = sealForOne({ content, sender: alice, recipient: alice.publicKey, random });
    const at = (deviceId: number) => ({ identityKeyPair: alice, address: { name: ALICE, deviceId } });
    expectCode('self-send', () => openSealedSender({ envelope, local: at(1), trust: ourTrust }));
    expect(openSealedSender({ envelope, local: at(2), trust: ourTrust }).sender.deviceId).toBe(1);
  });

  test('every flipped byte of an envelope is noticed', () => {
    const one = sealForOne({ content, sender: alice, recipient: bob.publicKey, random });
    for (let at = 1; at < one.length; at += 11) {
      const altered = one.slice();
      altered[at] = (altered[at] ?? 0) ^ 4;
      expect(() => openEnvelope(altered, bob)).toThrow(expect.objectContaining({ name: 'CryptoError' }));
    }
    const recipients = [{ name: BOB, deviceId: 1, registrationId: 9, identityKey: bob.publicKey }];
    const many = decodeSentMessage(sealForMany({ content, sender: alice, recipients, random }));
    const [entry] = many.recipients;
    if (entry === undefined) throw new Error('no recipient');
    const two = receivedMessage(many, entry);
    for (let at = 1; at < two.length; at += 11) {
      const altered = two.slice();
      altered[at] = (altered[at] ?? 0) ^ 4;
      expect(() => openEnvelope(altered, bob)).toThrow(expect.objectContaining({ name: 'CryptoError' }));
    }
    for (let length = 0; length < two.length; length += 3) {
      expect(() => openEnvelope(two.subarray(0, length), bob)).toThrow(
        expect.objectContaining({ name: 'CryptoError' }),
      );
    }
    expectCode('unrecognized-version', () => openEnvelope(Uint8Array.of(0x33, 1), bob));
  });
});

describe('requests to send again', () => {
  test.each([{ ratchetKey: alice.publicKey }, { ratchetKey: null }])('round trip %#', ({ ratchetKey }) => {
    const request = { ratchetKey, timestamp: 1_700_000_000_128, deviceId: 128 };
    expect(decodeDecryptionError(encodeDecryptionError(request))).toEqual(request);
  });

  test('other bytes are typed errors', () => {
    for (const bytes of ['', 'c1', 'c0', 'c080', 'c0420080']) {
      expect(() => decodeDecryptionError(hex(bytes))).toThrow(expect.objectContaining({ name: 'CryptoError' }));
    }
  });
});
