import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Pauses, type Pause } from '../test/support/pauses.js';
import { startRelayProcess, type RelayProcess } from '../test/support/process.js';
import { freePort } from '../test/support/servers.js';
import { newAdminToken } from '../src/admin/admin-tokens.js';
import { adminDoors } from './admin-doors.js';
import { allDoors, type Door } from './doors.js';
import { Growth, type GrowthReport } from './growth.js';
import { Witness } from './witness.js';

/** Attacks under way at once. */
const WORKERS = 8;

/** Connections that send a byte now and then, and never finish a request. */
const SLOW_CONNECTIONS = 50;

/** How often memory is measured: each measure stops the relay for a full collection. */
const MEASURES = 30;

export interface FuzzReport {
  seed: number;
  inputs: Record<string, number>;
  total: number;
  /**
   * What must never happen: crashes, 5xx, answers without a code, failures in the log, a disturbed conversation, memory that
   * grows and grows.
   */
  complaints: string[];
  /** What was complained of shortly after one of them says little. */
  pauses: Pause[];
  witness: { messages: number; slowestMs: number };
  memory: GrowthReport;
}

interface FuzzOptions {
  inputs: number;
  seed: number;
  /** Hears now and then how many inputs were thrown. */
  onProgress?: (thrown: number) => void;
}

/** Throws `inputs` invalid inputs at a relay in a process of its own, through every door, while two people talk. */
export async function runFuzz({ inputs, seed, onProgress }: FuzzOptions): Promise<FuzzReport> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-fuzz-'));
  const complaints: string[] = [];
  const pauses = new Pauses();
  const complain = (what: string) => complaints.push(`${pauses.now()} s: ${what}`);
  const log = (text: string) => {
    text.split('\n').filter(isFailure).forEach(complain);
  };
  const { token, hash } = newAdminToken();
  const adminPort = String(await freePort());
  const environment = { SOTTO_ADMIN_TOKENS: `root:${hash}`, SOTTO_ADMIN_PORT: adminPort };
  const relay = await startRelayProcess(
    { SOTTO_DATA: folder, LOG_LEVEL: 'error', ...environment },
    { onOutput: log, liveMemory: true },
  );
  const slow = slowConnections(relay);
  try {
    const witness = await Witness.start(relay.url);
    const talking = witness.run().catch((error: unknown) => void complain(`the witness: ${String(error)}`));
    const admin = { url: `http://127.0.0.1:${adminPort}`, token };
    const doors = [
      ...(await allDoors(relay.url, seed, witness.bob)),
      ...(await adminDoors(relay.url, admin, seed + 600)),
    ];
    const { counts, memory } = await attack({ relay, doors, inputs, complain, onProgress });
    witness.stop();
    await talking;
    witness.close();
    for (const door of doors) door.stop?.();
    if (relay.isAlive) await relay.stop();
    return {
      seed,
      inputs: Object.fromEntries(counts),
      total: [...counts.values()].reduce((sum, count) => sum + count, 0),
      complaints: [...complaints, ...witness.complaints],
      pauses: pauses.end(),
      witness: { messages: witness.said, slowestMs: witness.slowestMs },
      memory,
    };
  } finally {
    slow.stop();
    await relay.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function isFailure(line: string): boolean {
  return line.trim() !== '' && !line.startsWith('Sotto relay:') && !line.startsWith('Admin API:');
}

interface Attack {
  relay: RelayProcess;
  doors: Door[];
  inputs: number;
  complain: (what: string) => void;
  onProgress: FuzzOptions['onProgress'];
}

async function attack({ relay, doors, inputs, complain, onProgress }: Attack) {
  const turns = doors.flatMap((door) => Array.from({ length: door.weight }, () => door));
  const counts = new Map(doors.map(({ name }) => [name, 0]));
  const growth = new Growth();
  /** A measure is due after each of so many equal parts of the inputs. */
  const part = Math.ceil(inputs / MEASURES);
  let thrown = 0;
  const measure = async () => {
    growth.note(await relay.liveBytes());
    onProgress?.(thrown);
  };
  const worker = async () => {
    while (thrown < inputs && relay.isAlive) {
      const turn = ++thrown;
      const door = turns[turn % turns.length];
      if (!door) return;
      counts.set(door.name, (counts.get(door.name) ?? 0) + 1);
      const why = await within(door.attack()).catch((error: unknown) => (isRefusal(error) ? null : String(error)));
      if (why !== null) complain(`${door.name}: ${why}`);
      if (turn % part === 0) await measure();
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, worker));
  if (!relay.isAlive) complain('the relay has ended');
  else await measure();
  const memory = growth.report();
  if (memory.complaint !== null) complain(memory.complaint);
  return { counts, memory };
}

/** Longer than any door waits itself. */
const REACTION_MS = 45_000;

function within(attack: Promise<string | null>): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, REACTION_MS, 'no reaction at all');
  });
  return Promise.race([attack, late]).finally(() => {
    clearTimeout(timer);
  });
}

/** Mallory was shown the door while she connected: the relay's good right. */
function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'data' in error;
}

/** Requests and handshakes that never end, for as long as the relay puts up with them. */
function slowConnections({ port }: RelayProcess): { stop(): void } {
  const sockets = new Set<Socket>();
  const dial = (index: number) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      index % 2 === 0 ? 'POST /v1/devices HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n' : 'GET / HTTP/1.1\r\n',
    );
    sockets.add(socket);
  };
  for (let index = 0; index < SLOW_CONNECTIONS; index++) dial(index);
  const timer = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('x');
  }, 1_000);
  return {
    stop() {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
    },
  };
}
