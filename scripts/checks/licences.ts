import { pnpm } from '../lib/run.js';

/** Licences that let an MIT library be used in closed products without further duties than a notice. */
const PERMISSIVE = new Set([
  'MIT',
  'MIT-0',
  'ISC',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'Apache-2.0',
  'Unlicense',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Python-2.0',
]);

/** True if every alternative that an SPDX expression demands can be met by permissive licences. */
export function isPermissive(expression: string): boolean {
  const bare = expression.replace(/[()]/g, ' ').trim();
  return bare
    .split(/\s+OR\s+/)
    .some((choice) => choice.split(/\s+AND\s+/).every((licence) => PERMISSIVE.has(licence.trim())));
}

/** Checks the licence of every runtime dependency, direct or not, of all packages. */
export async function checkLicences(): Promise<boolean> {
  const { code, output } = await pnpm(['-r', 'licenses', 'list', '--prod', '--json'], { quiet: true });
  const start = output.indexOf('{');
  if (code !== 0 || start < 0) {
    console.error(`pnpm licenses failed:\n${output}`);
    return false;
  }
  const json = output.slice(start, output.lastIndexOf('}') + 1);
  const byLicence = JSON.parse(json) as Record<string, { name: string; versions: string[] }[]>;
  const entries = Object.entries(byLicence);
  const refused = entries.filter(([licence]) => !isPermissive(licence));
  for (const [licence, packages] of refused) {
    console.error(`${licence}: ${packages.map(({ name, versions }) => `${name}@${versions.join(',')}`).join(' ')}`);
  }
  const count = entries.reduce((sum, [, packages]) => sum + packages.length, 0);
  if (refused.length === 0)
    console.log(`${count} runtime dependencies, all permissive: ${entries.map(([name]) => name).join(', ')}`);
  return refused.length === 0 && count > 0;
}
