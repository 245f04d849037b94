/** Why an operator's wish was refused: the code for programs, status, and what to do. The messages name no secret. */
export const APP_ERRORS = {
  'bad-request': { status: 400, action: 'Correct the field that the message names.' },
  'key-unusable': {
    status: 400,
    action: 'Give a key of the algorithm: PEM (SPKI) or JWK; RSA keys of 2048 bits or more.',
  },
  'admin-token-invalid': { status: 401, action: 'Send one of the relay\u2019s admin tokens as a Bearer token.' },
  'app-missing': { status: 404, action: 'See the list for the apps that there are.' },
  'app-exists': { status: 409, action: 'Choose another id, or change the app that is there.' },
  'app-static': {
    status: 409,
    action: 'Change SOTTO_APPS and restart the relay: this app is part of its configuration.',
  },
  'app-deleting': {
    status: 409,
    action: 'Wait: the id is free again when everything is removed, after a minute or so.',
  },
  'key-exists': { status: 409, action: 'Give the new key another kid.' },
  'key-limit': { status: 409, action: 'Wait until an old key\u2019s grace period is over, or end it: grace 0.' },
} as const;
export type AppErrorCode = keyof typeof APP_ERRORS;

export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: AppErrorCode;

  constructor(code: AppErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  get status(): number {
    return APP_ERRORS[this.code].status;
  }
}
