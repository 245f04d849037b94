import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

const run = promisify(execFile);

/** Runs a program in the root of the repository. Resolves to what it printed; rejects when it fails. */
export async function output(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(program, args, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 });
  return stdout.trim();
}

export const docker = (...args: string[]) => output('docker', ...args);

export const say = (text: string) => void process.stdout.write(`${text}\n`);

/** Whether a command of Docker works here. */
export function works(...args: string[]): Promise<boolean> {
  return docker(...args).then(
    () => true,
    () => false,
  );
}

/** Asks until it is so; rejects with what `explain` says. */
export async function becomes(
  what: string,
  check: () => Promise<boolean>,
  { withinMs = 90_000, explain }: { withinMs?: number; explain: () => Promise<string> },
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (performance.now() < deadline) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`${what} did not happen in time:\n${await explain()}`);
}

/** Docker's own proxy accepts before anybody listens behind it, and then says nothing. */
export async function answers(url: string, status = 200): Promise<boolean> {
  const impatience = new AbortController();
  const timer = setTimeout(() => {
    impatience.abort();
  }, 2_000);
  try {
    return (await fetch(url, { signal: impatience.signal })).status === status;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The image of this sources' Dockerfile.
 *
 * @returns its size in MiB
 */
export async function buildImage(tag: string): Promise<number> {
  await docker('build', '--network', 'host', '-t', tag, '.');
  return Number(await docker('image', 'inspect', '--format', '{{.Size}}', tag)) / 1024 / 1024;
}

/** Runs a check, and says what came of it. Without an engine nothing is checked, and that is a failure. */
export async function checking(name: string, needs: string[][], check: () => Promise<void>): Promise<void> {
  try {
    for (const command of needs)
      if (!(await works(...command)))
        throw new Error(`NOT CHECKED: \`docker ${command.join(' ')}\` does not work here.`);
    await check();
    say(`${name}: good`);
  } catch (error) {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  }
}
