import { defineConfig } from 'tsup';

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    attachment: 'src/attachment/index.ts',
    fingerprint: 'src/fingerprint/index.ts',
    sealing: 'src/sealing/index.ts',
    sha256: 'src/sha256/index.ts',
  },
  format: 'esm',
  dts: true,
  clean: true,
  target: 'es2022',
  sourcemap: true,
});
