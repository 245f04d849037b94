// One file for pages without a bundler: defines the element and brings the client along.
export { createClient, SottoError } from '@sotto/sdk';
export { SottoChat } from './register.js';
