import type { ConnectionState, Message } from '@sotto/sdk';

/** What the person tried when a {@link SottoErrorEvent} is dispatched. */
export type SottoAction =
  | 'open'
  | 'send'
  | 'retry'
  | 'mark-read'
  | 'load-earlier'
  | 'load-later'
  | 'reset'
  | 'verify'
  | 'devices'
  | 'link'
  | 'dismiss';

/** `sotto-send`: a message was stored on this device and is on its way. Its text is not in the event. */
export class SottoSendEvent extends Event {
  static readonly type = 'sotto-send';

  constructor(/** The user it is addressed to. */ readonly user: string) {
    super(SottoSendEvent.type, { bubbles: true, composed: true });
  }
}

/** `sotto-message`: the other user's message arrived while the conversation was open. For sounds and badges. */
export class SottoMessageEvent extends Event {
  static readonly type = 'sotto-message';

  constructor(readonly message: Message) {
    super(SottoMessageEvent.type, { bubbles: true, composed: true });
  }
}

/** `sotto-connection`: the client's connection state changed. */
export class SottoConnectionEvent extends Event {
  static readonly type = 'sotto-connection';

  constructor(readonly connection: ConnectionState) {
    super(SottoConnectionEvent.type, { bubbles: true, composed: true });
  }
}

/** `sotto-error`: an action failed. What concerns the person is on screen; the page may log the rest. */
export class SottoErrorEvent extends Event {
  static readonly type = 'sotto-error';

  constructor(
    readonly action: SottoAction,
    /** Mostly a `SottoError` with its `code`. */
    readonly error: unknown,
  ) {
    super(SottoErrorEvent.type, { bubbles: true, composed: true });
  }
}

declare global {
  // Lets `element.addEventListener('sotto-send', ...)` know the event's type on any element, as events bubble.
  interface HTMLElementEventMap {
    'sotto-send': SottoSendEvent;
    'sotto-message': SottoMessageEvent;
    'sotto-connection': SottoConnectionEvent;
    'sotto-error': SottoErrorEvent;
  }
}
