import {
  CONTENT_HINT,
  createSenderCertificate,
  createServerCertificate,
  decodeDecryptionError,
  decodeSentMessage,
  encodeDecryptionError,
  encodeSealedContent,
  generateKeyPair,
  openSealedSender,
  receivedMessage,
  sealForMany,
  sealForOne,
} from '@sotto/crypto';
import { describe, expect, test } from 'vitest';
import { OfficialEndpoint } from '../src/official.js';
import { buffer } from '../src/official-stores.js';
import { OurEndpoint } from '../src/ours.js';
import { systemRandom } from '../src/random.js';

const OURS = { name: '9d0652a3-dcc3-4d11-975f-74d61598733f', deviceId: 1 };
const THEIRS = { name: '796abedb-ca4e-4f18-8803-1fde5b921f9f', deviceId: 2 };
const EXPIRES = 2000;

/** Both know each other, and one server vouches for both; its keys and certificates are made by our library. */
async function world() {
  const us = new OurEndpoint(OURS);
  const them = new OfficialEndpoint('0.103.0', THEIRS);
  await us.start(THEIRS, await them.publish());
  expect(await them.receive(OURS, await us.send(THEIRS, 'hello'))).toBe('hello');
  const [root, server] = [generateKeyPair(systemRandom), generateKeyPair(systemRandom)];
  const random = systemRandom;
  const serverCertificate = createServerCertificate({
    id: 1,
    publicKey: server.publicKey,
    trustRootPrivateKey: root.privateKey,
    random,
  });
  const certify = ({ address, identityKey }: OurEndpoint | OfficialEndpoint): Uint8Array =>
    createSenderCertificate({
      uuid: address.name,
      deviceId: address.deviceId,
      expires: EXPIRES,
      identityKey,
      serverCertificate,
      serverPrivateKey: server.privateKey,
      random,
    });
  const trust = { trustRoots: [root.publicKey], now: EXPIRES };
  return { us, them, trust, ourCertificate: certify(us), theirCertificate: certify(them) };
}

type World = Awaited<ReturnType<typeof world>>;

function openOurs({ us, trust }: World, envelope: Uint8Array) {
  return openSealedSender({ envelope, local: us.local, trust });
}

async function officialContent({ them, theirCertificate }: World, text: string) {
  const { signal: S, stores } = them;
  const [remote, local] = [them.protocolAddress(OURS), them.protocolAddress(THEIRS)];
  const message = await S.signalEncrypt(Buffer.from(text), remote, local, stores.sessions, stores.identities);
  const certificate = S.SenderCertificate.deserialize(buffer(theirCertificate));
  const groupId = buffer(Uint8Array.of(9));
  return S.UnidentifiedSenderMessageContent.new(message, certificate, S.ContentHint.Resendable, groupId);
}

describe('version 1', () => {
  test('what we seal, they open and decrypt', async () => {
    const all = await world();
    const { us, them, trust, ourCertificate } = all;
    const { type, bytes } = await us.send(THEIRS, 'who am I');
    const content = encodeSealedContent({ type, certificate: ourCertificate, message: bytes });
    const sender = us.local.identityKeyPair;
    const envelope = sealForOne({ content, sender, recipient: them.identityKey, random: systemRandom });
    const { signal: S, stores } = them;
    const { sessions, identities, preKeys, signedPreKeys, kyberPreKeys } = stores;
    const root = S.PublicKey.deserialize(buffer(trust.trustRoots[0] ?? new Uint8Array()));
    const opened = await S.sealedSenderDecryptMessage(
      buffer(envelope),
      root,
      EXPIRES,
      null,
      THEIRS.name,
      THEIRS.deviceId,
      sessions,
      identities,
      preKeys,
      signedPreKeys,
      kyberPreKeys,
    );
    expect(Buffer.from(opened.message()).toString()).toBe('who am I');
    expect([opened.senderUuid(), opened.deviceId()]).toEqual([OURS.name, OURS.deviceId]);
  });

  test('what they seal, we open and decrypt', async () => {
    const all = await world();
    const { us, them } = all;
    const { signal: S, stores } = them;
    const content = await officialContent(all, 'guess who');
    const envelope = await S.sealedSenderEncrypt(content, them.protocolAddress(OURS), stores.identities);
    const opened = openOurs(all, envelope);
    expect(opened).toMatchObject({ sender: THEIRS, type: 'whisper', contentHint: CONTENT_HINT.resendable });
    expect(opened.groupId).toEqual(Uint8Array.of(9));
    expect(await us.receive(opened.sender, { type: 'whisper', bytes: opened.message })).toBe('guess who');
  });
});

describe('version 2', () => {
  test('what we seal for many, their server splits and they open', async () => {
    const { us, them, ourCertificate } = await world();
    const { type, bytes } = await us.send(THEIRS, 'to many');
    const content = encodeSealedContent({ type, certificate: ourCertificate, message: bytes });
    const sent = sealForMany({
      content,
      sender: us.local.identityKeyPair,
      recipients: [{ ...THEIRS, registrationId: them.registrationId, identityKey: them.identityKey }],
      random: systemRandom,
    });
    const { signal: S, stores } = them;
    const envelope = S.sealedSenderMultiRecipientMessageForSingleRecipient(buffer(sent));
    const opened = await S.sealedSenderDecryptToUsmc(envelope, stores.identities);
    expect(opened.senderCertificate().senderUuid()).toBe(OURS.name);
    expect(await them.receive(OURS, { type, bytes: Uint8Array.from(opened.contents()) })).toBe('to many');
  });

  test('what they seal for many, we split and open', async () => {
    const all = await world();
    const { us, them } = all;
    const { signal: S, stores } = them;
    const sent = await S.sealedSenderMultiRecipientEncrypt({
      content: await officialContent(all, 'to many of you'),
      recipients: [them.protocolAddress(OURS)],
      identityStore: stores.identities,
      sessionStore: stores.sessions,
    });
    const message = decodeSentMessage(sent);
    const [entry] = message.recipients;
    if (entry === undefined) throw new Error('no recipient');
    const opened = openOurs(all, receivedMessage(message, entry));
    expect(opened.sender).toEqual(THEIRS);
    expect(await us.receive(opened.sender, { type: 'whisper', bytes: opened.message })).toBe('to many of you');
  });
});

test('certificates and requests to send again: theirs are valid to us, ours to them', async () => {
  const { them, ourCertificate, trust } = await world();
  const { signal: S } = them;
  const root = S.PublicKey.deserialize(buffer(trust.trustRoots[0] ?? new Uint8Array()));
  const ours = S.SenderCertificate.deserialize(buffer(ourCertificate));
  expect(ours.validateWithTrustRoots([root], EXPIRES)).toBe(true);
  expect(ours.validateWithTrustRoots([root], EXPIRES + 1)).toBe(false);
  const [theirRoot, theirServer] = [S.PrivateKey.generate(), S.PrivateKey.generate()];
  const serverCertificate = S.ServerCertificate.new(3, theirServer.getPublicKey(), theirRoot);
  const theirs = S.SenderCertificate.new(
    THEIRS.name,
    '+14155550100',
    THEIRS.deviceId,
    them.identity.getPublicKey(),
    EXPIRES,
    serverCertificate,
    theirServer,
  );
  const us = new OurEndpoint(OURS);
  await us.start(THEIRS, await them.publish());
  const { bytes } = await us.send(THEIRS, 'lost on the way');
  const request = S.DecryptionErrorMessage.forOriginal(buffer(bytes), S.CiphertextMessageType.PreKey, 1234, 1);
  const plaintext = S.PlaintextContent.from(request);
  const noHint = S.ContentHint.Default;
  const content = S.UnidentifiedSenderMessageContent.new(plaintext.asCiphertextMessage(), theirs, noHint, null);
  const { identities } = them.stores;
  await identities.saveIdentity(them.protocolAddress(OURS), S.PublicKey.deserialize(buffer(us.identityKey)));
  const envelope = await S.sealedSenderEncrypt(content, them.protocolAddress(OURS), identities);
  const trustRoots = [theirRoot.getPublicKey().serialize()];
  const opened = openSealedSender({ envelope, local: us.local, trust: { trustRoots, now: EXPIRES } });
  expect(opened).toMatchObject({ sender: THEIRS, senderE164: '+14155550100', type: 'plaintext' });
  const decoded = decodeDecryptionError(opened.message);
  expect(decoded).toMatchObject({ timestamp: 1234, deviceId: 1 });
  expect(Buffer.from(decoded.ratchetKey ?? [])).toEqual(Buffer.from(request.ratchetKey()?.serialize() ?? []));
  expect(Buffer.from(encodeDecryptionError(decoded))).toEqual(Buffer.from(plaintext.serialize()));
});
