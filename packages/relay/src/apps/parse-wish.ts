import type * as z from 'zod';

import { AppError } from './app-error.js';

/** Parses what an operator sent; the message names the field and what is wrong with it, never its value. */
export function parseWish<T extends z.ZodType>(schema: T, input: unknown): z.output<T> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.map(String).join('.') ?? '';
  throw new AppError('bad-request', `${path === '' ? 'the request' : path}: ${issue?.message ?? 'invalid'}`);
}
