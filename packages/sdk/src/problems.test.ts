import { ERROR_CODES } from '@sotto/protocol';
import { describe, expect, test } from 'vitest';

import { SDK_ERRORS, UNDECRYPTABLE_CAUSES, NOTICES, PROBLEMS } from './index.js';

const OWN_CODES = [
  'network',
  'token-failed',
  'wrong-user',
  'identity-changed',
  'forged-keys',
  'storage-full',
  'storage-failed',
  'keys-lost',
];

test('every code of the connection and of a failed message has a sentence, and nothing else has', () => {
  expect(new Set(Object.keys(PROBLEMS))).toEqual(new Set([...Object.keys(ERROR_CODES), ...OWN_CODES]));
});

describe.each(Object.entries({ SDK_ERRORS, UNDECRYPTABLE_CAUSES, NOTICES, PROBLEMS }))('%s', (_, sentences) => {
  test.each(Object.entries(sentences))('%s: a whole sentence', (_code, sentence) => {
    expect(sentence).toMatch(/^[A-Z].{10,}\.$/);
  });
});

test('the sentences for people speak of nothing that only programs know', () => {
  for (const sentence of Object.values(PROBLEMS)) expect(sentence).not.toMatch(/[`_]|relay|token|envelope|mailbox/i);
});
