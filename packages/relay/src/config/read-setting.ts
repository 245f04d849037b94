import { readFileSync } from 'node:fs';

import { ConfigError } from './config-error.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The text of the file that a setting names. */
export function readSetting(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new ConfigError(`${name} cannot be read: ${file}`);
  }
}
