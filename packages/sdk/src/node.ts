export type { ExclusiveStorage } from './client/databases.js';
export { fileStorage } from './node/file-storage.js';
