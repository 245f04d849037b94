import { appId, type AppId } from '@sotto/protocol';
import * as z from 'zod';

/** HS256 keys shorter than the hash are weaker than it (RFC 7518 section 3.2). */
const MIN_SECRET_BYTES = 32;

const secret = z
  .string()
  .refine(
    (text) => Buffer.byteLength(text) >= MIN_SECRET_BYTES,
    `an HS256 secret needs at least ${MIN_SECRET_BYTES} bytes`,
  );
const publicKey = z.union([z.string().startsWith('-----BEGIN PUBLIC KEY-----'), z.looseObject({ kty: z.string() })]);
const asymmetric = z.enum(['RS256', 'ES256', 'EdDSA']);

const common = {
  id: z.custom<AppId>((value) => appId.safeParse(value).success, 'not an app id'),
  /** Websites that may connect, as origins; `*` allows any. Programs without an origin always may. */
  origins: z
    .array(z.union([z.literal('*'), z.url({ protocol: /^https?$/ }).transform((url) => new URL(url).origin)]))
    .default([]),
};

/** One app (tenant): how its users' tokens are verified. The algorithm is pinned; a token cannot choose it. */
export const appConfig = z.union([
  z.strictObject({ ...common, algorithm: z.literal('HS256'), secret }),
  z.strictObject({ ...common, algorithm: asymmetric, publicKey }),
  z.strictObject({ ...common, algorithm: asymmetric, jwksUrl: z.url({ protocol: /^https?$/ }) }),
]);
export type AppConfig = z.infer<typeof appConfig>;
export type AppConfigInput = z.input<typeof appConfig>;

export function originAllowed(app: AppConfig, origin: string | undefined): boolean {
  return origin === undefined || app.origins.includes('*') || app.origins.includes(origin);
}
