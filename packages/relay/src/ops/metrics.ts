import express, { type Router } from 'express';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import { hashSecret, secretMatches } from '../auth/secret.js';
import { RelayError } from '../errors.js';
import type { WaitingCaps } from '../gateway/waiting-room.js';
import { refuse } from '../http/problem.js';
import type { RelayObserver } from '../observer.js';
import type { Clock } from '../platform.js';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const ITEMS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000];

export interface Metrics {
  observer: RelayObserver;
  routes: Router;
  /** One probe of the bus: seconds, or null when it was lost. */
  busProbed: (seconds: number | null) => void;
  /** A connection was turned away. */
  turnedAway: (by: keyof WaitingCaps) => void;
  /** Envelopes held in all mailboxes, as last counted. */
  held: (count: number) => void;
}

/** What is read when somebody asks for the metrics. */
export interface MetricsSource {
  connections(): number;
  subscriptions(): number;
  /** Connections that have not been admitted yet. */
  waiting(): number;
  backlog(): number;
  /** Milliseconds. */
  clockSkew(): number;
  token?: string | undefined;
}

/**
 * `/metrics` for Prometheus. No label names a user, a device, an address or an app: what the relay knows about people
 * does not leak through its monitoring.
 */
export function createMetrics(clock: Clock, source: MetricsSource): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  gauge(registers, 'sotto_connections', 'Open device sockets on this node.', () => source.connections());
  gauge(registers, 'sotto_topic_subscriptions', 'Topics joined by the sockets of this node.', () =>
    source.subscriptions(),
  );
  gauge(
    registers,
    'sotto_backlog_envelopes',
    'Envelopes that devices connected to this node have not acknowledged.',
    () => source.backlog(),
  );
  gauge(
    registers,
    'sotto_clock_skew_seconds',
    'How far the clock of this machine is ahead of the store.',
    () => source.clockSkew() / 1000,
  );
  gauge(registers, 'sotto_waiting_connections', 'Connections on this node that have not been admitted yet.', () =>
    source.waiting(),
  );
  const turnedAway = new Counter({
    name: 'sotto_turned_away_total',
    help: 'Connections turned away because too many waited to be admitted: of their address, or on this node.',
    labelNames: ['by'],
    registers,
  });
  const held = new Gauge({
    name: 'sotto_held_envelopes',
    help: 'Envelopes in all mailboxes of the store. The same on every node: take the maximum, not the sum.',
    registers,
  });
  return {
    observer: { ...envelopeMetrics(registers, clock), ...requestMetrics(registers) },
    routes: metricsRoute(registry, source.token),
    busProbed: busMetrics(registers),
    turnedAway: (by) => {
      turnedAway.inc({ by: by === 'perAddress' ? 'address' : 'node' });
    },
    held: (count) => {
      held.set(count);
    },
  };
}

function gauge(registers: Registry[], name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
}

function busMetrics(registers: Registry[]): Metrics['busProbed'] {
  const lag = new Histogram({
    name: 'sotto_bus_lag_seconds',
    help: 'From ringing over the bus to hearing it, measured by probes.',
    buckets: SECONDS,
    registers,
  });
  const lost = new Counter({ name: 'sotto_bus_probes_lost_total', help: 'Probes that the bus lost.', registers });
  return (seconds) => {
    if (seconds === null) lost.inc();
    else lag.observe(seconds);
  };
}

/**
 * What happens many thousand times a second is counted in plain numbers, and handed to prom-client when somebody asks: it
 * would look up its labels each time.
 */
function total(registers: Registry[], name: string, help: string, read: () => number): void {
  new Counter({
    name,
    help,
    registers,
    collect() {
      this.reset();
      this.inc(read());
    },
  });
}

function envelopeMetrics(registers: Registry[], clock: Clock): RelayObserver {
  const totals = { stored: 0, bytes: 0, delivered: 0 };
  total(registers, 'sotto_envelopes_stored_total', 'Envelopes stored.', () => totals.stored);
  total(registers, 'sotto_envelope_bytes_stored_total', 'Payload bytes stored.', () => totals.bytes);
  total(registers, 'sotto_envelopes_delivered_total', 'Envelopes sent to sockets.', () => totals.delivered);
  const latency = new Histogram({
    name: 'sotto_delivery_seconds',
    help: 'From storing to sending an envelope, per frame.',
    buckets: SECONDS,
    registers,
  });
  const commitSeconds = new Histogram({
    name: 'sotto_commit_seconds',
    help: 'Time of a batch statement.',
    buckets: SECONDS,
    labelNames: ['kind'],
    registers,
  });
  const commitItems = new Histogram({
    name: 'sotto_commit_items',
    help: 'Items in a batch.',
    buckets: ITEMS,
    labelNames: ['kind'],
    registers,
  });

  return {
    stored(_app, _mailbox, envelopes) {
      totals.stored += envelopes.length;
      for (const { payload } of envelopes) totals.bytes += payload.length;
    },
    delivered(count, at) {
      totals.delivered += count;
      latency.observe(Math.max(0, clock.now() - at) / 1000);
    },
    committed(kind, items, seconds) {
      commitSeconds.observe({ kind }, seconds);
      commitItems.observe({ kind }, items);
    },
  };
}

function requestMetrics(registers: Registry[]): RelayObserver {
  const answers = new Map<string, { event: string; result: string; count: number }>();
  new Counter({
    name: 'sotto_socket_requests_total',
    help: 'Events of sockets by their answer.',
    labelNames: ['event', 'result'],
    registers,
    collect() {
      this.reset();
      for (const { count, ...labels } of answers.values()) this.inc(labels, count);
    },
  });
  const signals = new Counter({
    name: 'sotto_topic_signals_total',
    help: 'Signals of topics to sockets; dropped: the socket was behind.',
    labelNames: ['outcome'],
    registers,
  });
  const limited = new Counter({ name: 'sotto_limited_total', help: 'Limits hit.', labelNames: ['limit'], registers });
  const refused = new Counter({
    name: 'sotto_refused_total',
    help: 'Refusals.',
    labelNames: ['code', 'via'],
    registers,
  });

  return {
    answered(event, result) {
      const name = `${event} ${result}`;
      const known = answers.get(name);
      if (known) known.count++;
      else answers.set(name, { event, result, count: 1 });
    },
    signalled: (outcome) => signals.inc({ outcome }),
    limited: (limit) => limited.inc({ limit }),
    refused: ({ code }, { via }) => refused.inc({ code, via }),
  };
}

function metricsRoute(registry: Registry, token: string | undefined): Router {
  const router = express.Router();
  router.get('/metrics', async (request, response) => {
    if (token !== undefined && !sameText(request.get('authorization') ?? '', `Bearer ${token}`)) {
      refuse(response, new RelayError('token-invalid', 'The metrics ask for their own token.'));
      return;
    }
    response.set('content-type', registry.contentType).send(await registry.metrics());
  });
  return router;
}

/** Compared as hashes, so that the time tells nothing about the token. */
function sameText(a: string, b: string): boolean {
  return secretMatches(Buffer.from(a), hashSecret(Buffer.from(b)));
}
