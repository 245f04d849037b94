import type {
  Ack,
  Deliver,
  Drained,
  ErrorBody,
  ExpiringDevice,
  Hello,
  Join,
  Leave,
  PlainReply,
  PreKeyCounts,
  Publish,
  Submit,
  SubmitReply,
  TopicJoined,
  TopicLeft,
  TopicMessage,
  Welcome,
} from '@sotto/protocol';

/** The relay as the engine sees it: requests, and one socket. Adapters: HTTP + Socket.IO, and a simulated network in tests. */
export interface RelayPort {
  /**
   * One HTTP request.
   *
   * @returns the parsed JSON body, not yet validated
   * @throws RelayError with the relay's code, or `network` when there was no usable answer
   */
  request(request: RelayRequest): Promise<unknown>;
  /** Opens a socket. Exactly one of `onWelcome` and `onClose` comes first; after `onClose` nothing more comes. */
  connect(hello: Hello, handlers: SocketHandlers): RelaySocket;
}

export interface RelayRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Beginning with `/v1/`. */
  readonly path: string;
  readonly body?: unknown;
  readonly token: string;
  /** `deviceId.secret`; absent for registration only. */
  readonly device?: string;
}

/** What happens on a topic that was joined. */
export type TopicEvent =
  | ({ readonly type: 'message' } & TopicMessage)
  | ({ readonly type: 'joined' } & TopicJoined)
  | ({ readonly type: 'left' } & TopicLeft);

export interface SocketHandlers {
  onWelcome(welcome: Welcome): void;
  onDeliver(deliver: Deliver): void;
  onDrained(drained: Drained): void;
  onPreKeysLow(counts: PreKeyCounts): void;
  onDeviceListChanged(): void;
  onTopic(event: TopicEvent): void;
  onDeviceExpiring(expiring: ExpiringDevice): void;
  /** `reason` null: the connection was lost without a word. */
  onClose(reason: ErrorBody | null): void;
}

export interface RelaySocket {
  /** @throws RelayError `network` if the socket closed before the answer came */
  submit(submit: Submit): Promise<SubmitReply>;
  ack(ack: Ack): Promise<PlainReply>;
  token(token: string): Promise<PlainReply>;
  join(join: Join): Promise<PlainReply>;
  leave(leave: Leave): Promise<PlainReply>;
  publish(publish: Publish): Promise<PlainReply>;
  close(): void;
}
