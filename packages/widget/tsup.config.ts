import { defineConfig } from 'tsup';

const common = { format: 'esm', dts: true, target: 'es2022', sourcemap: true } as const;

const oneFile = { noExternal: [/./], platform: 'browser' as const, splitting: false, minify: true };

export default defineConfig([
  { ...common, entry: ['src/index.ts', 'src/register.ts'] },
  // For pages without a bundler: everything in one file, and the engine's worker in another.
  { ...common, ...oneFile, entry: ['src/standalone.ts'] },
  { ...common, ...oneFile, entry: ['src/engine-worker.ts'] },
]);
