/** Repairs what can be repaired by machine: `fix [paths ...]`. */
import { run } from './lib/run.js';

const paths = process.argv.slice(2);
const targets = paths.length > 0 ? paths : ['.'];
const lint = await run('eslint', ['--fix', '--quiet', ...targets]);
const format = await run('prettier', ['--write', '--log-level', 'warn', ...targets]);
process.exitCode = lint.code === 0 && format.code === 0 ? 0 : 1;
