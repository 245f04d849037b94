/** Something that the person at the keyboard must put right. */
export class CliError extends Error {
  override readonly name = 'CliError';
  /** 2: the command itself was wrong. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
