/** The README's test command: provides the servers and the browser that the tests need, then runs the whole gate. */
import { provideServices } from './services/install.js';
import { verify } from './verify.js';

const services = await provideServices();
if (services === null) {
  console.log('\n0 passed, 1 failed');
  process.exitCode = 1;
} else {
  process.exitCode = (await verify(process.argv.slice(2), services)) ? 0 : 1;
}
