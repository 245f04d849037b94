/** How long something may take that a person waits for, milliseconds. Generous: two browsers and three servers share the machine. */
export const PATIENCE_MS = 30_000;

const POLL_MS = 20;

/**
 * Reads until the value is as wanted.
 *
 * @throws Error with what was read last, after `timeout` milliseconds
 */
export async function until<T>(
  what: string,
  read: () => Promise<T>,
  isWanted: (value: T) => boolean,
  timeout = PATIENCE_MS,
): Promise<T> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const value = await read();
    if (isWanted(value)) return value;
    if (performance.now() > deadline) throw new Error(`${what}, but after ${timeout} ms: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
