import { defineConfig } from 'tsup';

export default defineConfig({
  entry: { index: 'src/index.ts', attachment: 'src/attachment/index.ts', sealing: 'src/sealing/index.ts' },
  format: 'esm',
  dts: true,
  clean: true,
  target: 'es2022',
  sourcemap: true,
});
