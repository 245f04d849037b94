import express, { type Router } from 'express';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

import { hashSecret, secretMatches } from '../auth/secret.js';
import { RelayError } from '../errors.js';
import { refuse } from '../http/problem.js';
import type { RelayObserver } from '../observer.js';
import type { Clock } from '../platform.js';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const ITEMS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000];

export interface Metrics {
  observer: RelayObserver;
  routes: Router;
}

/**
 * `/metrics` for Prometheus. No label names a user, a device, an address or an app: what the relay knows about people
 * does not leak through its monitoring.
 */
export function createMetrics(
  clock: Clock,
  options: { connections: () => number; token?: string | undefined },
): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'sotto_connections',
    help: 'Open device sockets on this node.',
    registers,
    collect() {
      this.set(options.connections());
    },
  });
  return { observer: eventMetrics(registers, clock), routes: metricsRoute(registry, options.token) };
}

function eventMetrics(registers: Registry[], clock: Clock): RelayObserver {
  const stored = new Counter({ name: 'sotto_envelopes_stored_total', help: 'Envelopes stored.', registers });
  const bytes = new Counter({ name: 'sotto_envelope_bytes_stored_total', help: 'Payload bytes stored.', registers });
  const delivered = new Counter({
    name: 'sotto_envelopes_delivered_total',
    help: 'Envelopes sent to sockets.',
    registers,
  });
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
  const limited = new Counter({ name: 'sotto_limited_total', help: 'Limits hit.', labelNames: ['limit'], registers });
  const refused = new Counter({
    name: 'sotto_refused_total',
    help: 'Refusals.',
    labelNames: ['code', 'via'],
    registers,
  });

  return {
    stored(_app, _mailbox, envelopes) {
      stored.inc(envelopes.length);
      for (const { payload } of envelopes) bytes.inc(payload.length);
    },
    delivered(count, at) {
      delivered.inc(count);
      latency.observe(Math.max(0, clock.now() - at) / 1000);
    },
    committed(kind, items, seconds) {
      commitSeconds.observe({ kind }, seconds);
      commitItems.observe({ kind }, items);
    },
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
