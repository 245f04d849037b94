import { resolve } from 'node:path';

import express, { type RequestHandler } from 'express';

/**
 * A demo page runs under the policy that the SDK promises to work with: own scripts only, no `eval`, no inline code, and
 * Trusted Types.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
  "require-trusted-types-for 'script'",
].join('; ');

/** `--static`: serves a folder at `/`. */
export function staticRoutes(folder: string): RequestHandler[] {
  return [
    (_request, response, next) => {
      response.set({
        'content-security-policy': CONTENT_SECURITY_POLICY,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
      });
      next();
    },
    express.static(resolve(folder), { dotfiles: 'ignore', fallthrough: true }),
  ];
}
