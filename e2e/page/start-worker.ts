interface Policy {
  createScriptURL(url: string): string;
}

/** Of Trusted Types, which not every browser has. */
interface WithPolicies {
  readonly trustedTypes?: { createPolicy(name: string, rules: Policy): Policy };
}

const policy = (globalThis as WithPolicies).trustedTypes?.createPolicy('app', { createScriptURL: (url) => url });

/** As an app with Trusted Types starts the engine's worker. */
export const startWorker = (file = '/engine-worker.js'): Worker =>
  new Worker(policy?.createScriptURL(file) ?? file, { type: 'module', name: 'sotto' });

/** In which ways the page may start it, or fail to. */
export const WORKERS = {
  own: () => startWorker(),
  /** The page's policy wants a trusted address. */
  refused: () => new Worker('/engine-worker.js', { type: 'module' }),
  missing: () => startWorker('/not-there.js'),
  none: null,
};
