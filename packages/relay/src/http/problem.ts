import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';

import { RelayError } from '../errors.js';
import { toRefusal } from '../gateway/refusal.js';

export function refuse(response: Response, refusal: RelayError): void {
  if (refusal.retryAfterMs !== undefined) response.set('retry-after', String(Math.ceil(refusal.retryAfterMs / 1000)));
  response.status(refusal.status).json(refusal.body);
}

export const notFound: RequestHandler = (_request, response) => {
  refuse(response, new RelayError('not-found'));
};

/** The last handler: nothing but a coded refusal leaves the relay. */
export function problemHandler(
  onError: (error: unknown) => void,
  onRefused: (refusal: RelayError, request: Request) => void,
): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const refusal = refusalOf(error, onError);
    onRefused(refusal, request);
    refuse(response, refusal);
  };
}

/** What is no refusal of ours becomes one, and `onError` hears of it. */
export function refusalOf(error: unknown, onError: (error: unknown) => void): RelayError {
  return fromExpress(error) ?? toRefusal(error, onError);
}

/** Errors of express and its body parser carry a 4xx `status`. */
function fromExpress(error: unknown): RelayError | null {
  if (error instanceof RelayError || !(error instanceof Error) || !('status' in error)) return null;
  const { status } = error;
  if (typeof status !== 'number' || status < 400 || status >= 500) return null;
  if (status === 413) return new RelayError('too-large');
  return new RelayError('bad-request', 'The request cannot be read.');
}
