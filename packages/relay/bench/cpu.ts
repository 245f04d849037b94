import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts processor time in hundredths of a second. */
const TICK_MS = 10;

interface Stat {
  pid: number;
  parent: number;
  /** User and system time, of the process and of its children that have ended. Milliseconds. */
  cpuMs: number;
  /** Resident memory. */
  bytes: number;
}

function stats(): Stat[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const line = readFileSync(`/proc/${name}/stat`, 'latin1');
      // The name of the program may hold anything, in parentheses.
      const fields = line
        .slice(line.lastIndexOf(')') + 2)
        .split(' ')
        .map(Number);
      const [parent = 0] = fields.slice(1);
      const cpu = fields.slice(11, 15).reduce((total, value) => total + value, 0);
      return [{ pid: Number(name), parent, cpuMs: cpu * TICK_MS, bytes: (fields[21] ?? 0) * 4096 }];
    } catch {
      return [];
    }
  });
}

/** Processor milliseconds of processes with all their descendants. */
export function cpuMs(roots: readonly number[]): number {
  const all = stats();
  const found = new Set(roots);
  for (let size = 0; size !== found.size;) {
    size = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return all.reduce((total, stat) => total + (found.has(stat.pid) ? stat.cpuMs : 0), 0);
}

export function residentBytes(pid: number): number {
  return stats().find((stat) => stat.pid === pid)?.bytes ?? 0;
}

/**
 * Processor time of the whole machine, milliseconds, all cores together: what its programs used, and what it wanted while the
 * host of a virtual machine gave it to others.
 */
export function machineMs(): { busy: number; stolen: number } {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, stolen = 0] = (
    readFileSync('/proc/stat', 'latin1').split('\n')[0] ?? ''
  )
    .split(/\s+/)
    .map(Number);
  return { busy: (user + nice + system + irq + softirq) * TICK_MS, stolen: stolen * TICK_MS };
}

export function pidOf(name: string): number | null {
  for (const each of readdirSync('/proc')) {
    if (!/^\d+$/.test(each)) continue;
    try {
      if (readFileSync(`/proc/${each}/comm`, 'latin1').trim() === name) return Number(each);
    } catch {
      continue;
    }
  }
  return null;
}
