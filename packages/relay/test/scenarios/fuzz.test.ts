import { up } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { complaint } from '../../fuzz/attacker.js';
import { runFuzz } from '../../fuzz/run.js';
import { OPERATIONS } from '../../src/http/openapi.js';

test(
  'hostile input through every door: no crash, no 5xx, nothing in the log, and two people talk on undisturbed',
  { timeout: 300_000 },
  async () => {
    const { complaints, inputs, witness, memory } = await runFuzz({ inputs: 2_000, seed: 11 });
    expect(complaints).toEqual([]);
    for (const event of Object.keys(up)) expect(inputs[`socket ${event}`]).toBeGreaterThan(50);
    expect(Object.keys(inputs).filter((name) => name.startsWith('http '))).toHaveLength(Object.keys(OPERATIONS).length);
    for (const count of Object.values(inputs)) expect(count).toBeGreaterThan(20);
    expect(witness.messages).toBeGreaterThan(5);
    expect(memory.end - memory.early).toBeLessThan(300);
  },
);

test('an answer is wrong when it is a 5xx, has no code, or a code that nobody knows', () => {
  expect(complaint({ ok: true }, 200)).toBeNull();
  expect(complaint({ code: 'bad-request' }, 400)).toBeNull();
  expect(complaint({ code: 'bad-request' })).toBeNull();
  expect(complaint({ code: 'internal' }, 500)).toBe('status 500');
  expect(complaint({ code: 'internal' })).toBe('code internal');
  expect(complaint({ code: 'unheard-of' }, 400)).toMatch('without a code');
  expect(complaint(undefined)).toMatch('without a code');
});
