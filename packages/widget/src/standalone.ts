// One file for pages without a bundler: defines the element and brings the client along.
import './register.js';

export { createClient, SottoError } from '@sotto/sdk';
export { SottoChat } from './sotto-chat.js';
