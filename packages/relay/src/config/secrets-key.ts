import { ConfigError } from './config-error.js';

const KEY_BYTES = 32;

/** SOTTO_SECRETS_KEY: 32 bytes as 64 hex digits or base64. */
export function secretsKeyOf(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || text === '') return undefined;
  const key = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (key.length === KEY_BYTES && /^[A-Za-z0-9+/_-]+={0,2}$/.test(text)) return key;
  throw new ConfigError('SOTTO_SECRETS_KEY: 32 bytes as base64 or hex are needed. Make them: openssl rand -base64 32');
}
