import { fetched } from '../util/fetched.js';

/**
 * Safety numbers, linking, exports: fetched when they are asked for, or some seconds after the tab is online. In one file: each
 * further one costs the others bytes.
 *
 * @throws SottoError `relay-unreachable`
 */
export const loadLater = () => fetched(import('./later-parts.js'));
