import { durableRelay, loginOf, median, recipients, registerDevices, round, type Bench, type Row } from '../context.js';

const ENVELOPES = 10_000;
const SENDERS = 10;

/** A device comes back to a full mailbox. */
export async function backlog(bench: Bench): Promise<Row[]> {
  const relay = await durableRelay(bench, { SOTTO_QUOTA_ENVELOPES: String(ENVELOPES * 20) });
  const senders = await registerDevices(relay.url, SENDERS, 'backlog-sender');
  const readers = await registerDevices(relay.url, bench.runs, 'backlog-reader');
  const [writing, reading] = [bench.generator(), bench.generator()];
  await writing.call(
    'connect',
    senders.map((device) => loginOf(device)),
  );
  const runs: number[] = [];
  for (const reader of readers) {
    const to = recipients(reader);
    await writing.call('fill', { pairs: senders.map((_, from) => ({ from, to })), each: ENVELOPES / SENDERS });
    const ms = await reading.call('backlog', { login: loginOf(reader), envelopes: ENVELOPES });
    runs.push(round(ms, 0));
  }
  await Promise.all([writing.stop(), reading.stop(), relay.stop()]);
  const what = `one device, ${ENVELOPES} envelopes: from connecting to all delivered and acknowledged`;
  return [{ figure: 'backlog', what, system: 'Sotto: PostgreSQL + Redis', value: median(runs), unit: 'ms', runs }];
}
