import type { Aci, Deliver, ErrorBody, Hello, Submit, SubmitReply, Welcome } from '@sotto/protocol';

import type { RelayPort, RelaySocket, SocketHandlers } from '../../src/network/relay-port.js';
import { FakeRelay, userOf } from './fake-relay.js';

/** A relay that says something else than what it holds. What comes back from it is what an adapter has let through. */
export class LyingRelay extends FakeRelay {
  /** What becomes of an HTTP answer to somebody. A promise that never ends is an answer that never comes. */
  answer: (path: string, honest: unknown, to: Aci) => unknown = (_, honest) => honest;
  welcome: (honest: Welcome, to: Aci) => Welcome | null = (honest) => honest;
  /** Every new socket is closed with this. */
  refuses: ErrorBody | null = null;
  deliver: (honest: Deliver) => Deliver | null = (honest) => honest;
  reply: (submit: Submit, honest: () => Promise<SubmitReply>) => Promise<SubmitReply> = (_, honest) => honest();
  #onOpened: () => void = () => undefined;
  /** Resolves when a socket has been opened. */
  readonly opened = new Promise<void>((resolve) => (this.#onOpened = resolve));

  override port(): RelayPort {
    const honest = super.port();
    return {
      request: async (request) => this.answer(request.path, await honest.request(request), userOf(request.token)),
      connect: (hello, handlers) => this.#connect(honest, hello, handlers),
    };
  }

  #connect(port: RelayPort, hello: Hello, handlers: SocketHandlers): RelaySocket {
    const socket = port.connect(hello, {
      ...handlers,
      onWelcome: (honest) => {
        this.#onOpened();
        const welcome = this.welcome(honest, userOf(hello.token));
        if (this.refuses) handlers.onClose(this.refuses);
        else if (welcome) handlers.onWelcome(welcome);
      },
      onDeliver: (honest) => {
        const deliver = this.deliver(honest);
        if (deliver) handlers.onDeliver(deliver);
      },
    });
    return { ...socket, submit: (submit) => this.reply(submit, () => socket.submit(submit)) };
  }
}
