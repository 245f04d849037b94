import { readFileSync } from 'node:fs';

import { defineConfig, type Plugin } from 'vite';

/** The project's documents, so that the page can link to them without leaving its origin. Text: browsers show it as it is. */
function documents(...names: string[]): Plugin {
  return {
    name: 'documents',
    apply: 'build',
    generateBundle() {
      for (const name of names) {
        const source = readFileSync(new URL(`../../${name}.md`, import.meta.url), 'utf8');
        this.emitFile({ type: 'asset', fileName: `${name}.txt`, source });
      }
    },
  };
}

// Built from the sources of all packages, so nothing has to be built before. No inline script or style in the result: the
// relay serves it under a strict Content-Security-Policy.
export default defineConfig({
  base: './',
  plugins: [documents('README', 'ARCHITECTURE', 'SECURITY')],
  resolve: { conditions: ['@sotto/source', 'module', 'browser', 'production', 'import', 'default'] },
  worker: { format: 'es' },
  build: { target: 'es2022', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
});
