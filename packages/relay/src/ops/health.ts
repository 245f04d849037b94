import express, { type Router } from 'express';

export interface Readiness {
  store(): Promise<unknown>;
  migrations(): Promise<boolean>;
  bus(): Promise<void>;
  isClosing(): boolean;
}

/** A check that takes longer counts as failed: a load balancer asks again soon. */
const CHECK_TIMEOUT_MS = 2_000;

/** `/healthz`: the process runs. `/readyz`: it can serve; a node that is going down is not ready. */
export function healthRoutes(readiness: Readiness): Router {
  const router = express.Router();
  router.get('/healthz', (_request, response) => {
    response.set('cache-control', 'no-store').json({ ok: true });
  });
  router.get('/readyz', async (_request, response) => {
    const checks = [readiness.store(), readiness.migrations(), readiness.bus()];
    const [store, migrations, bus] = await Promise.all(checks.map(passes));
    const ready = store && migrations && bus && !readiness.isClosing();
    response
      .status(ready ? 200 : 503)
      .set('cache-control', 'no-store')
      .json({ ready, store, migrations, bus, closing: readiness.isClosing() });
  });
  return router;
}

async function passes(check: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, CHECK_TIMEOUT_MS, false);
  });
  try {
    return await Promise.race([
      check.then(
        (answer) => answer !== false,
        () => false,
      ),
      timeout,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
