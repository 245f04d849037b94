import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const PAGE = fileURLToPath(new URL('../page', import.meta.url));

/** As strict as a page can be that talks to another origin: no inline code, no eval, Trusted Types. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self' http://127.0.0.1:* ws://127.0.0.1:*",
  "require-trusted-types-for 'script'",
  'trusted-types lit-html app',
].join('; ');

export type TokenFor = (user: string) => Promise<string>;

/** The website of an app that embeds Sotto: its page, and the endpoint that mints login tokens for whoever is logged in. */
export class PageServer {
  readonly #server: Server;
  /** By path. */
  #scripts: ReadonlyMap<string, string>;
  readonly #token: TokenFor;
  readonly #folder: string;

  private constructor(folder: string, scripts: ReadonlyMap<string, string>, token: TokenFor) {
    this.#folder = folder;
    this.#scripts = scripts;
    this.#token = token;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /**
   * @param folder with `index.html`, `page.css` and `main.ts`
   * @param splitting what is imported dynamically comes in files of its own, as the bundlers of most apps do it
   */
  static async start(token: TokenFor, folder = PAGE, splitting = false): Promise<PageServer> {
    const page = new PageServer(folder, await bundle(folder, splitting), token);
    await new Promise<void>((resolve) => page.#server.listen(0, '127.0.0.1', resolve));
    return page;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** A deploy: the files of pages that are open are gone. */
  withdrawScripts(): void {
    this.#scripts = new Map();
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.origin);
    const send = (status: number, type: string, body: string): void => {
      response.writeHead(status, { 'content-type': type, 'content-security-policy': CONTENT_SECURITY_POLICY });
      response.end(body);
    };
    switch (url.pathname) {
      case '/':
        send(200, 'text/html', readFileSync(`${this.#folder}/index.html`, 'utf8'));
        return;
      case '/page.css':
        send(200, 'text/css', readFileSync(`${this.#folder}/page.css`, 'utf8'));
        return;
      case '/token': {
        const token = await this.#token(url.searchParams.get('user') ?? '').catch(() => null);
        if (token === null) send(403, 'text/plain', 'nobody is logged in');
        else send(200, 'text/plain', token);
        return;
      }
      default: {
        const script = this.#scripts.get(url.pathname);
        if (script === undefined) send(404, 'text/plain', 'nothing here');
        else send(200, 'text/javascript', script);
      }
    }
  }
}

async function bundle(folder: string, splitting: boolean): Promise<Map<string, string>> {
  const { outputFiles } = await build({
    entryPoints: {
      main: `${folder}/main.ts`,
      'engine-worker': fileURLToPath(import.meta.resolve('@sotto/sdk/engine-worker')),
    },
    bundle: true,
    splitting,
    outdir: '/',
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    conditions: ['@sotto/source'],
    write: false,
    logLevel: 'error',
  });
  return new Map(outputFiles.map(({ path, text }) => [path, text]));
}
