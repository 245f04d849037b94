import { defineConfig } from 'vite';

// Built from the sources of all packages, so nothing has to be built before. No inline script or style in the result: the
// relay serves it under a strict Content-Security-Policy.
export default defineConfig({
  base: './',
  resolve: { conditions: ['@sotto/source', 'module', 'browser', 'production', 'import', 'default'] },
  build: { target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
});
