/** What is loaded beside the front. */
export { startEngine } from '../engine/engine.js';
export { laterModules } from '../engine/later.js';
export { socketIoRelay } from '../network/socket-io-relay.js';
