import { cbc } from '@noble/ciphers/aes.js';
import { toBase64Url } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { decodeContent, encodeContent } from '../../src/content/codec.js';
import { aciOf, directConversationId, type Content } from '../../src/content/content.js';
import { textFits } from '../../src/content/kinds/text.js';
import { systemRandom } from '../../src/util/random.js';

const content = {
  v: 1,
  app: 'acme',
  from: { user: 'alice', device: 1, registration: 7 },
  to: { user: 'bob', device: 1, registration: 8 },
  conversation: directConversationId(aciOf('acme', 'alice'), aciOf('acme', 'bob')),
  id: 'AAAAAAAAAAAAAAAAAAAAAA',
  hlc: 1,
  counter: 1,
  kind: 'text',
  at: 0,
  lists: { from: 1, to: 1 },
  body: { text: 'hello' },
} as unknown as Content;

test('a content survives the way through bytes, unknown fields included', () => {
  const more = { ...content, later: { nested: ['kept'] } };
  const encoded = encodeContent(more, systemRandom);
  expect(encoded && decodeContent(encoded.plaintext)).toEqual({ content: more, raw: JSON.stringify(more) });
});

test('two contents under one key show nothing of each other, even where they are the same', () => {
  const [key, iv] = [new Uint8Array(32), new Uint8Array(16)];
  const blocks = [1, 2].flatMap(() => {
    const encoded = encodeContent(content, systemRandom);
    const ciphertext = cbc(key, iv).encrypt(encoded?.plaintext ?? new Uint8Array());
    return Array.from({ length: ciphertext.length / 16 }, (_, at) =>
      toBase64Url(ciphertext.subarray(at * 16, at * 16 + 16)),
    );
  });
  expect(blocks.length).toBeGreaterThan(2 * 16);
  expect(new Set(blocks).size).toBe(blocks.length);
});

test('users and conversations are named the same everywhere, for ever', () => {
  const [alice, bob] = [aciOf('acme', 'alice'), aciOf('acme', 'bob')];
  expect(alice).toBe('e8cbd33e-62a7-8f23-ae94-a904f91957f4');
  expect(directConversationId(alice, bob)).toBe(directConversationId(bob, alice));
  expect(aciOf('acm', 'ealice')).not.toBe(alice);
});

test('the longest text that is let through always fits, also when every character must be escaped', () => {
  const long = ['"', '\n', '\u0001', '\u{1F600}', 'ä'].map((character) => {
    let text = character;
    while (textFits(text + text)) text += text;
    return text;
  });
  const names = '"'.repeat(255);
  for (const text of long) {
    const largest = {
      ...content,
      from: { ...content.from, user: names },
      to: { ...content.to, user: names },
      peer: names,
      body: { text },
    };
    expect(encodeContent(largest, systemRandom)).not.toBeNull();
  }
  expect(textFits('a'.repeat(32_768))).toBe(true);
  expect(textFits('a'.repeat(32_769))).toBe(false);
  expect(textFits('\u0001'.repeat(20_000))).toBe(false);
});
