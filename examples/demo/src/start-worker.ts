import url from '@sotto/sdk/engine-worker?worker&url';

interface Policy {
  createScriptURL(url: string): string;
}

/** Of Trusted Types, which not every browser has; the demo's page asks for them. */
interface WithPolicies {
  readonly trustedTypes?: { createPolicy(name: string, rules: Policy): Policy };
}

const policy = (globalThis as WithPolicies).trustedTypes?.createPolicy('demo', { createScriptURL: (own) => own });

/** The SDK's worker, whose file the build has made. */
export const startWorker = (): Worker => new Worker(policy?.createScriptURL(url) ?? url, { type: 'module' });
