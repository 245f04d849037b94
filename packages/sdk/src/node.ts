/**
 * What the client needs besides in Node.
 *
 * @module @sotto/sdk/node
 */

export type { ExclusiveStorage } from './client/databases.js';
export { fileStorage } from './node/file-storage.js';
