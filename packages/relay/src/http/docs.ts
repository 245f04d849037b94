import { createHash } from 'node:crypto';

import { ERROR_CODES, ERROR_TEXTS, ROUTES, type ErrorCode } from '@sotto/protocol';
import express, { type Router } from 'express';

import { openApi, OPERATIONS } from './openapi.js';

const STYLE = [
  ':root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif }',
  'main { max-width: 64rem; margin: 0 auto; padding: 1rem }',
  'table { border-collapse: collapse; width: 100% } td, th { text-align: start; vertical-align: top; padding: .4rem }',
  'tr { border-bottom: 1px solid #8884 } tr:target { background: #fd06 } code { white-space: nowrap }',
].join('\n');

const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** `/openapi.json` for programs, `/docs` for people; both are made once. */
export function docsRoutes(): Router {
  const description = JSON.stringify(openApi(), null, 2);
  const page = docsPage();
  const router = express.Router();
  router.get('/openapi.json', (_request, response) => {
    response.set('access-control-allow-origin', '*').type('application/json').send(description);
  });
  router.get('/docs', (_request, response) => {
    response.set('content-security-policy', CONTENT_SECURITY_POLICY).type('html').send(page);
  });
  return router;
}

function docsPage(): string {
  const routes = (Object.keys(ROUTES) as (keyof typeof ROUTES)[]).map((name) => {
    const { method, path } = ROUTES[name];
    const { summary, errors } = OPERATIONS[name];
    const own = errors.map((code) => `<a href="#${code}"><code>${code}</code></a>`).join(', ');
    return `<tr><td><code>${method} ${escape(path)}</code></td><td>${escape(summary)}</td><td>${own}</td></tr>`;
  });
  const codes = (Object.entries(ERROR_CODES) as [ErrorCode, (typeof ERROR_CODES)[ErrorCode]][]).map(
    ([code, { status, retry }]) =>
      `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${retry}</td><td>${sentences(code)}</td></tr>`,
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sotto relay</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style>
<main><h1>Sotto relay</h1>
<p>Devices, device lists and prekeys over HTTP; messages travel over Socket.IO. The full description, with the schemas of
all requests and answers, is in <a href="/openapi.json">openapi.json</a>.</p>
<h2>Routes</h2><table><tr><th>Route</th><th>What it does</th><th>Refusals of its own</th></tr>${routes.join('')}</table>
<h2>Refusals</h2><table><tr><th>Code</th><th>Status</th><th>Retry</th><th>Meaning, and what to do</th></tr>${codes.join('')}</table>
</main></html>`;
}

function sentences(code: ErrorCode): string {
  const { meaning, action } = ERROR_TEXTS[code];
  return `${escape(meaning)} ${escape(action)}`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
