import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const SUITES = ['indexeddb.test.ts', 'freeze.test.ts'];
const IN_PAGE = fileURLToPath(new URL('in-page.ts', import.meta.url));
const BROWSER_TESTS = fileURLToPath(new URL('../../packages/sdk/test/browser', import.meta.url));

/** A website whose page holds the SDK's browser suites; `window.runContract()` runs them. */
export async function serveContract(): Promise<{ url: string; stop: () => void }> {
  const script = await bundle();
  const server = createServer(({ url }, response) => {
    const isScript = url === '/contract.js';
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8');
    response.end(isScript ? script : '<!doctype html><title>Contract</title><script src="/contract.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, stop };
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: SUITES.map((suite) => `import './${suite}';`).join('\n'), resolveDir: BROWSER_TESTS },
    bundle: true,
    format: 'iife',
    platform: 'browser',
    // `sideEffects: false` in the SDK's package.json would drop its tests.
    ignoreAnnotations: true,
    target: 'es2022',
    conditions: ['@sotto/source'],
    alias: { vitest: IN_PAGE },
    define: { 'process.env.NODE_ENV': '"test"' },
    write: false,
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}
