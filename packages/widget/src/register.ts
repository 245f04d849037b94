import { SottoChat } from './sotto-chat.js';

// Harmless where there is no DOM, and when two bundles of a page both bring the element.
if (typeof customElements !== 'undefined' && customElements.get('sotto-chat') === undefined) {
  customElements.define('sotto-chat', SottoChat);
}

export { SottoChat };
