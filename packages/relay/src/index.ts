export { startRelay, type Relay, type RelayParts } from './relay.js';
export { ConfigError, configFrom, type RelayConfig, type RelayConfigInput } from './config/config.js';
export {
  createRelayCore,
  DEDUPE_MS,
  DEFAULT_QUOTA,
  DEFAULT_RETENTION_MS,
  type RelayCore,
  type RelayCoreOptions,
  type RelayObserver,
} from './core.js';
export type { AppConfig, AppConfigInput } from './auth/app.js';
export { aciOf } from './auth/user.js';
export type { Login, TokenVerifier } from './auth/token-verifier.js';
export { RelayError } from './errors.js';
export type { Bus, BusListener } from './bus/bus.js';
export { localBus } from './bus/local-bus.js';
export type { Peer, Session } from './gateway/session.js';
export type { DeviceAddress, MailboxId } from './mailbox/mailbox-id.js';
export type { Clock, Random } from './platform.js';
export { unlimited, type Limiter, type LimitName } from './limits.js';
export { StoreError, type Store } from './store/store.js';
export { memoryStore } from './store/memory/memory-store.js';
