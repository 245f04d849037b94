import { describe, expect, test } from 'vitest';
import { ProtobufWriter } from '../../src/encoding/protobuf-writer.js';
import { generateKeyPair } from '../../src/keys/curve25519.js';
import { SignatureVerdict } from '../../src/keys/signature-verdict.js';
import {
  createSenderCertificate,
  createServerCertificate,
  parseSenderCertificate,
  parseServerCertificate,
  validateSenderCertificate,
} from '../../src/sealed-sender/certificate.js';
import { hex, toHex } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';
import { vectors } from '../support/json.js';
import { seededRandom } from '../support/random.js';

const published = vectors('public-sealed-sender-certificates') as {
  trustRoot: string;
  knownServerCertificates: { id: number; trustRoot: string; serverCertificate: string }[];
  senderCertificates: { name: string; certificate: string; signature: string; validAt: number }[];
  expect: { uuid: string; device: number; expires: number };
};

const knownServers = published.knownServerCertificates.map(({ serverCertificate }) =>
  parseServerCertificate(hex(serverCertificate)),
);
const trustRoots = [
  hex(published.trustRoot),
  ...published.knownServerCertificates.map(({ trustRoot }) => hex(trustRoot)),
];

describe('certificates of libsignal', () => {
  test.each(published.senderCertificates)('$name', ({ certificate, signature, validAt }) => {
    const bytes = new ProtobufWriter().bytes(1, hex(certificate)).bytes(2, hex(signature)).finish();
    const parsed = parseSenderCertificate(bytes);
    const { uuid, device, expires } = published.expect;
    expect(parsed).toMatchObject({ uuid, deviceId: device, expires });
    validateSenderCertificate(parsed, { trustRoots, knownServers, now: validAt });
    expectCode('bad-certificate', () =>
      validateSenderCertificate(parsed, { trustRoots, knownServers, now: expires + 1 }),
    );
    expectCode('bad-certificate', () =>
      validateSenderCertificate(parsed, { trustRoots: [], knownServers, now: validAt }),
    );
  });

  test.each(published.knownServerCertificates)('server $id', ({ id, serverCertificate }) => {
    expect(parseServerCertificate(hex(serverCertificate)).id).toBe(id);
  });
});

const random = seededRandom(21);
const root = generateKeyPair(random);
const server = generateKeyPair(random);
const alice = generateKeyPair(random);

function issue(serverId = 1, serverKey = server): Uint8Array {
  const serverCertificate = createServerCertificate({
    id: serverId,
    publicKey: serverKey.publicKey,
    trustRootPrivateKey: root.privateKey,
    random,
  });
  return createSenderCertificate({
    uuid: '9d0652a3-dcc3-4d11-975f-74d61598733f',
    deviceId: 3,
    expires: 2000,
    identityKey: alice.publicKey,
    serverCertificate,
    serverPrivateKey: server.privateKey,
    random,
  });
}

describe('validation', () => {
  const trust = { trustRoots: [generateKeyPair(random).publicKey, root.publicKey], now: 2000 };

  test('a certificate is good up to the very moment at which it expires', () => {
    const certificate = parseSenderCertificate(issue());
    validateSenderCertificate(certificate, trust);
    expectCode('bad-certificate', () => validateSenderCertificate(certificate, { ...trust, now: 2001 }));
  });

  test('of a revoked server, of another server key, altered: refused', () => {
    for (const bytes of [issue(0xdeadc357), issue(1, generateKeyPair(random))]) {
      expectCode('bad-certificate', () => validateSenderCertificate(parseSenderCertificate(bytes), trust));
    }
    const good = parseSenderCertificate(issue(7));
    expectCode('bad-certificate', () => validateSenderCertificate(good, { ...trust, revokedServerIds: [7] }));
    const altered = issue();
    altered[10] = (altered[10] ?? 0) ^ 1;
    expectCode('bad-certificate', () => validateSenderCertificate(parseSenderCertificate(altered), trust));
  });

  test('verdicts made ahead are used', async () => {
    const certificate = parseSenderCertificate(issue());
    const refusal = await SignatureVerdict.with(
      server.publicKey,
      certificate.certificate,
      certificate.signature,
      async () => false,
    );
    expectCode('bad-certificate', () => validateSenderCertificate(certificate, { ...trust, verdicts: [refusal] }));
  });

  test('truncated bytes are typed errors', () => {
    const bytes = issue();
    for (let length = 0; length < bytes.length; length++) {
      expectCode('bad-certificate', () => parseSenderCertificate(bytes.subarray(0, length)));
    }
    expect(toHex(parseSenderCertificate(bytes).bytes)).toBe(toHex(bytes));
  });
});
