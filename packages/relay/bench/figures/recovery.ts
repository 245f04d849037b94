import { startPostgres } from '../../test/support/postgres.js';
import { loginOf, median, pairsOf, registerDevices, round, type Bench, type Row } from '../context.js';
import { now } from '../load/party.js';

const PAIRS = 50;
const UP_MS = 1_500;
const DOWN_MS = 1_000;

/** PostgreSQL is killed under load (SIGQUIT: no shutdown, it recovers from its log), and started again. */
export async function recovery(bench: Bench): Promise<Row[]> {
  const { redis } = await bench.servers();
  const postgres = await startPostgres();
  const runs: number[] = [];
  const outages: number[] = [];
  try {
    const relay = await bench.relay({ DATABASE_URL: await postgres.newDatabase(), REDIS_URL: redis.url });
    const generator = bench.generator();
    const devices = await registerDevices(relay.url, PAIRS * 2, 'recovery');
    await generator.call(
      'connect',
      devices.map((device) => loginOf(device)),
    );
    for (let run = 0; run < bench.runs; run++) {
      const stored = generator.call('stubborn', { pairs: pairsOf(devices), seconds: 6 });
      await pause(UP_MS);
      const killed = now();
      await postgres.stop('immediate');
      await pause(DOWN_MS);
      await postgres.start();
      const ready = now();
      const times = (await stored).sort((a, b) => a - b);
      const first = times.find((time) => time > killed + DOWN_MS);
      if (first === undefined) throw new Error('The service did not come back.');
      runs.push(round(Math.max(0, first - ready), 0));
      outages.push(round(first - killed, 0));
    }
    await Promise.all([generator.stop(), relay.stop()]);
  } finally {
    await postgres.remove();
  }
  return [
    {
      figure: 'recovery',
      what: 'PostgreSQL killed under load: from its being ready again to the first message stored',
      system: 'Sotto: PostgreSQL + Redis',
      value: median(runs),
      unit: 'ms',
      runs,
      note: `from the kill on, ${DOWN_MS} ms of them deliberate: ${outages.join(', ')} ms`,
    },
  ];
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
