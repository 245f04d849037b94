import '@sotto/widget/register';

import { DemoDevice } from './demo-device.js';
import { DemoRelay } from './demo-relay.js';
import { SottoDemo } from './sotto-demo.js';
import { applyStoredTheme } from './theme.js';

applyStoredTheme();
customElements.define('demo-device', DemoDevice);
customElements.define('demo-relay', DemoRelay);
customElements.define('sotto-demo', SottoDemo);
