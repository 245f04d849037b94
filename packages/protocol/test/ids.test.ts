import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as s from '../src/schema.js';

import { aci, aciFromDigest, appId, deviceId, mailboxSeq, preKeyId, registrationId } from '../src/ids.js';
import { aciOf } from './support/samples.js';

test('Alice of one app and Alice of another are different users', () => {
  expect(aciOf('acme', 'alice')).not.toBe(aciOf('acme2', 'alice'));
});

test('app and user name cannot run into each other', () => {
  expect(aciOf('acme', 'bob')).not.toBe(aciOf('acm', 'ebob'));
});

test('an ACI is a lower-case UUID of version 8 with the RFC variant, whatever the digest', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 32 }), (digest) => {
      const user = aciFromDigest(digest);
      expect(s.safeParse(aci, user).success).toBe(true);
      expect(user).toMatch(/^.{14}8.{4}[89ab]/);
    }),
  );
});

test('an ACI keeps 122 bits of the digest and leaves the digest alone', () => {
  const digest = Uint8Array.from({ length: 32 }, (_, index) => index * 8 + 7);
  const before = digest.slice();
  expect(aciFromDigest(digest)).toBe('070f171f-272f-873f-874f-575f676f777f');
  expect(digest).toEqual(before);
});

test.each(['', 'Acme', '-acme', '.acme', 'a/b', 'a b', 'ä', 'a'.repeat(65)])('%j is no app id', (text) => {
  expect(s.safeParse(appId, text).success).toBe(false);
});

test.each(['a', '0', 'acme', 'acme-2.test_x', 'a'.repeat(64)])('%j is an app id', (text) => {
  expect(s.safeParse(appId, text).success).toBe(true);
});

test.each([
  ['device id', deviceId, 1, 127],
  ['registration id', registrationId, 1, 0x3fff],
  ['prekey id', preKeyId, 1, 0xffffff],
])('a %s has exactly its range', (_name, schema, least, most) => {
  for (const good of [least, most]) expect(s.safeParse(schema, good).success).toBe(true);
  for (const bad of [least - 1, most + 1, least + 0.5, Number.NaN, `${least}`, null]) {
    expect(s.safeParse(schema, bad).success).toBe(false);
  }
});

test('a mailbox position starts at 0, "before the first", and is an exact integer', () => {
  expect(s.safeParse(mailboxSeq, 0).success).toBe(true);
  for (const bad of [-1, 2 ** 53, 0.5]) expect(s.safeParse(mailboxSeq, bad).success).toBe(false);
});
