import { SottoChat } from './sotto-chat.js';

/** Defines `<sotto-chat>`; harmless where there is no DOM, and when two bundles of a page both bring it. */
if (typeof customElements !== 'undefined' && customElements.get('sotto-chat') === undefined) {
  customElements.define('sotto-chat', SottoChat);
}
