/** Work of this many milliseconds in a row leaves a frame time for input and painting. */
const BUDGET_MS = 10;

interface Scheduling {
  readonly scheduler?: { yield?: () => Promise<void> };
  readonly document?: unknown;
}

/**
 * Divides long work into tasks, so that a page in which it runs stays alive. `pause()` between two steps returns at once until
 * the budget is used up. Does nothing outside pages: there is nobody to keep waiting, and a simulation owns its own time.
 */
export class Breath {
  readonly #scheduling = globalThis as Scheduling;
  #since = performance.now();

  async pause(): Promise<void> {
    if (!this.#scheduling.document || performance.now() - this.#since < BUDGET_MS) return;
    await (this.#scheduling.scheduler?.yield?.() ?? nextTask());
    this.#since = performance.now();
  }
}

/** Not a timer: those are held back for up to a minute in tabs that nobody sees. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
