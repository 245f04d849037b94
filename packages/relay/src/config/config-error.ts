/** A configuration that cannot be used. Its message names settings, never their values. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'config-invalid';
}
