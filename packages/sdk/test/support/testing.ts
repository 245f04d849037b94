/** For the simulation and tests of other packages in this workspace (`@sotto/sdk/testing`); not published. */
export type { Client } from '../../src/client/client.js';
export type { Front } from '../../src/conversations/front.js';
export { missingId } from '../../src/engine/asking.js';
export type { Engine } from '../../src/engine/engine.js';
export { PASSED_ON } from '../../src/history/read-mark-row.js';
export {
  HISTORY_SCHEMA,
  THIS_DEVICE,
  type DeviceRef,
  type History,
  type HistoryRows,
} from '../../src/history/schema.js';
export { RelayError } from '../../src/network/relay-error.js';
export type { RelayPort, RelayRequest, RelaySocket, SocketHandlers } from '../../src/network/relay-port.js';
export { FootprintRecorder, recordingWrites } from '../../src/storage/changes.js';
export { memoryTables } from '../../src/storage/memory-tables.js';
export { Observers } from '../../src/storage/observers.js';
export { StorageError, type StorageErrorCode } from '../../src/storage/storage-error.js';
export type { ObservableTables, ReadTransaction, Rows, Schema, WriteTransaction } from '../../src/storage/tables.js';
export { VAULT_SCHEMA, type Vault, type VaultRows } from '../../src/vault/schema.js';
export { makeBundle, takeBundle } from './bundle.js';
export { tabClient, tabEngine, tabFront, type TabPorts } from './tab.js';
