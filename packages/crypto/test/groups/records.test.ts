import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { groupDecrypt, groupEncrypt } from '../../src/groups/group-cipher.js';
import { deserializeSenderKeyRecord, serializeSenderKeyRecord } from '../../src/groups/sender-key-codec.js';
import { hex, text, toHex, utf8 } from '../support/bytes.js';
import { expectCode } from '../support/errors.js';
import { seededRandom } from '../support/random.js';

const fixture = JSON.parse(readFileSync(new URL('../fixtures/sender-key-record.v1.json', import.meta.url), 'utf8')) as {
  distributionId: string;
  sender: string;
  receiver: string;
  messages: { plaintext: string; bytes: string }[];
  spent: string;
};

describe('sender key records of format 1', () => {
  test('load, and are written as they were', () => {
    for (const bytes of [fixture.sender, fixture.receiver]) {
      expect(toHex(serializeSenderKeyRecord(deserializeSenderKeyRecord(hex(bytes))))).toBe(bytes);
    }
  });

  test('a receiver goes on: skipped and next messages of both chains open, a spent one does not', () => {
    let record = deserializeSenderKeyRecord(hex(fixture.receiver));
    expectCode('duplicate-message', () => groupDecrypt({ record, message: hex(fixture.spent) }));
    for (const { plaintext, bytes } of fixture.messages) {
      const opened = groupDecrypt({ record, message: hex(bytes) });
      expect(text(opened.plaintext)).toBe(plaintext);
      ({ record } = opened);
    }
  });

  test('a sender goes on', () => {
    const { distributionId } = fixture;
    const record = deserializeSenderKeyRecord(hex(fixture.sender));
    const { message } = groupEncrypt({ record, distributionId, plaintext: utf8('on'), random: seededRandom(1) });
    const opened = groupDecrypt({ record: deserializeSenderKeyRecord(hex(fixture.receiver)), message });
    expect(text(opened.plaintext)).toBe('on');
  });
});
