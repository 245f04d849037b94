import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const HERE = fileURLToPath(new URL('.', import.meta.url));

export interface Programs {
  relay: string;
  load: string;
  remove(): Promise<void>;
}

/**
 * Relay and load generator as plain JavaScript: what runs TypeScript directly slows down every function that is made
 * while running. They lie below the package, so that its dependencies are found.
 */
export async function buildPrograms(): Promise<Programs> {
  const folder = mkdtempSync(join(HERE, '..', 'node_modules', '.bench-'));
  await build({
    entryPoints: { relay: join(HERE, '..', 'src', 'main.ts'), load: join(HERE, 'load', 'worker.ts') },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    conditions: ['@sotto/source'],
    plugins: [{ name: 'dependencies stay outside', setup: keepOutside }],
    logLevel: 'error',
  });
  return {
    relay: join(folder, 'relay.mjs'),
    load: join(folder, 'load.mjs'),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

const keepOutside: Parameters<typeof build>[0]['plugins'] extends (infer Plugin)[] | undefined
  ? Plugin extends { setup: infer Setup }
    ? Setup
    : never
  : never = (plugin) => {
  plugin.onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
    kind === 'entry-point' || path.startsWith('@sotto/') ? null : { path, external: true },
  );
};
