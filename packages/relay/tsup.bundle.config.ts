import { cpSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { defineConfig } from 'tsup';

const OUT = 'dist-bundle';

/** PGlite reads these from beside the code that loads it. */
const PGLITE_FILES = ['pglite.wasm', 'initdb.wasm', 'pglite.data'];

/** The container's program: one file with everything in it, so that the image needs no `node_modules`. */
export default defineConfig({
  entry: { 'sotto-relay': 'src/main.ts' },
  outDir: OUT,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  clean: true,
  splitting: false,
  noExternal: [/.*/],
  esbuildOptions(options) {
    options.conditions = ['@sotto/source', 'node'];
  },
  banner: {
    js: "import { createRequire as sottoRequire } from 'node:module'; const require = sottoRequire(import.meta.url);",
  },
  onSuccess: async () => {
    const pglite = dirname(createRequire(import.meta.url).resolve('@electric-sql/pglite'));
    for (const file of PGLITE_FILES) cpSync(join(pglite, file), join(OUT, file));
  },
});
