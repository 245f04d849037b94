import type { Clock } from '../../src/index.js';

/** A clock that moves when it is told to, and runs what is due. */
export function handClock(start = 1_000_000): { clock: Clock; advance: (ms: number) => void } {
  let now = start;
  const tasks = new Set<{ at: number; task: () => void }>();
  const clock: Clock = {
    now: () => now,
    after(ms, task) {
      const entry = { at: now + ms, task };
      tasks.add(entry);
      return () => void tasks.delete(entry);
    },
  };
  const advance = (ms: number) => {
    now += ms;
    for (const entry of [...tasks]) {
      if (entry.at > now || !tasks.delete(entry)) continue;
      entry.task();
    }
  };
  return { clock, advance };
}
