/** `node --conditions=@sotto/source --import tsx packages/crypto/fuzz/run.ts [--count 1000000] [--seed 1]` */
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.js';

const print = (line: string) => process.stdout.write(`${line}\n`);

const { values } = parseArgs({
  options: { count: { type: 'string', default: '1000000' }, seed: { type: 'string', default: '1' } },
});
const [count, seed] = [Number(values.count), Number(values.seed)];
print(`fuzzing with ${count} inputs, seed ${seed}`);
const started = performance.now();
const report = fuzz(count, seed);
const seconds = (performance.now() - started) / 1000;
for (const name of new Set([...report.refused.keys(), ...report.accepted.keys()])) {
  const [refused, accepted] = [report.refused.get(name) ?? 0, report.accepted.get(name) ?? 0];
  print(`${name.padEnd(28)} ${String(refused).padStart(8)} refused ${String(accepted).padStart(8)} taken`);
}
print(`slowest input: ${report.slowest.milliseconds.toFixed(1)} ms (${report.slowest.target})`);
print(`heap growth in the second half: ${(report.heapGrowth / 1024).toFixed(0)} KB`);
print(`${report.inputs} inputs in ${seconds.toFixed(0)} s: only typed errors, no state changed`);
