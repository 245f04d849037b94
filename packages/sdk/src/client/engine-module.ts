/** What is loaded beside the front, where no worker has it. */
export { fetchLater } from '../engine/later.js';
export { leadHere, unregisterHere } from './lead-here.js';
