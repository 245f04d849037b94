import { defineConfig } from 'tsup';

const common = { format: 'esm', dts: true, target: 'es2022', sourcemap: true } as const;

export default defineConfig([
  { ...common, entry: ['src/index.ts', 'src/register.ts'] },
  // For pages without a bundler: everything in one file.
  { ...common, entry: ['src/standalone.ts'], noExternal: [/./], platform: 'browser', splitting: false, minify: true },
]);
