import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts', 'src/token.ts', 'src/main.ts'],
  format: 'esm',
  dts: { entry: ['src/index.ts', 'src/token.ts'] },
  clean: true,
  target: 'es2022',
  sourcemap: true,
});
