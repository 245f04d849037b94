import { up } from '@sotto/protocol';
import { expect, test } from 'vitest';

import { complaint } from '../../fuzz/attacker.js';
import { Growth } from '../../fuzz/growth.js';
import { runFuzz } from '../../fuzz/run.js';
import { ADMIN_ROUTES } from '../../src/admin/admin-routes.js';
import { OPERATIONS } from '../../src/http/openapi.js';

test(
  'hostile input through every door: no crash, no 5xx, nothing in the log, and two people talk on undisturbed',
  { timeout: 300_000 },
  async () => {
    const { complaints, inputs, witness, memory } = await runFuzz({ inputs: 2_000, seed: 11 });
    expect(complaints).toEqual([]);
    for (const event of Object.keys(up)) expect(inputs[`socket ${event}`]).toBeGreaterThan(50);
    expect(Object.keys(inputs).filter((name) => name.startsWith('http '))).toHaveLength(Object.keys(OPERATIONS).length);
    const adminDoors = Object.keys(inputs).filter((name) => name.startsWith('admin '));
    expect(adminDoors).toHaveLength(Object.keys(ADMIN_ROUTES).length);
    for (const count of Object.values(inputs)) expect(count).toBeGreaterThan(20);
    expect(witness.messages).toBeGreaterThan(5);
    // Too much of it would be a complaint.
    expect(memory.live.length).toBeGreaterThan(20);
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

test('memory that is never given back is complained of; a warm-up and moments of much work are not', () => {
  const grownBy = (measures: number[]) => {
    const growth = new Growth();
    for (const mib of measures) growth.note(mib * 1024 * 1024);
    return growth.report();
  };
  const steps = Array.from({ length: 30 }, (_, step) => step);
  expect(grownBy(steps.map((step) => 200 + 3 * step))).toMatchObject({ complaint: 'memory has grown by 54 MiB' });
  expect(grownBy(steps.map((step) => (step === 0 || step % 7 === 3 ? 700 : 200)))).toMatchObject({ complaint: null });
  expect(grownBy(steps.map((step) => (step < 4 ? 50 * step : 200)))).toMatchObject({ complaint: null, grown: 0 });
});
