export { startRelay, type Relay } from './relay.js';
export type { RelayParts } from './ops/services.js';
export { ConfigError } from './config/config-error.js';
export { configFrom, type RelayConfig, type RelayConfigInput } from './config/config.js';
export {
  createRelayCore,
  DEDUPE_MS,
  DEFAULT_QUOTA,
  DEFAULT_RETENTION_MS,
  type RelayCore,
  type RelayCoreOptions,
} from './core.js';
export type { AppConfig, AppConfigInput } from './apps/app.js';
export type { AppPolicy, Tenants } from './apps/tenants.js';
export { aciOf } from './auth/user.js';
export type { Login, TokenVerifier } from './auth/token-verifier.js';
export { RelayError } from './errors.js';
export type { Bus, BusListener } from './bus/bus.js';
export { localBus } from './bus/local-bus.js';
export type { Peer, Session } from './gateway/session.js';
export type { DeviceAddress, MailboxId } from './mailbox/mailbox-id.js';
export type { Clock, Random } from './platform.js';
export { LIMITS, unlimited, type Budget, type Demand, type Limiter, type LimitName } from './limits/limits.js';
export type { RelayObserver, SecurityEvent } from './observer.js';
export { StoreError, type Store } from './store/store.js';
export { memoryStore } from './store/memory/memory-store.js';
