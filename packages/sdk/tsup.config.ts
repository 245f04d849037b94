import { defineConfig } from 'tsup';

export default defineConfig({
  entry: { index: 'src/index.ts', node: 'src/node.ts', 'engine-worker': 'src/worker/engine-worker.ts' },
  format: 'esm',
  dts: { entry: ['src/index.ts', 'src/node.ts'] },
  clean: true,
  target: 'es2022',
  sourcemap: true,
});
