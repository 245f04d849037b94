import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

import { relayConfig } from '../../src/config/config.js';
import type { Relay } from '../../src/index.js';
import { connect, messageTo, newUser } from '../support/device.js';
import { testRelay } from '../support/relay.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const textOf = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const PORT = relayConfig.shape.port.parse(undefined);

interface Service {
  environment?: Record<string, string>;
  secrets?: string[];
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  healthcheck?: unknown;
  mem_limit?: string;
  user?: string;
  build?: string;
}
interface Compose {
  services: Record<string, Service>;
  secrets: Record<string, unknown>;
}
interface Manifest {
  kind: string;
  spec: { template: { spec: PodSpec } };
}
interface PodSpec {
  terminationGracePeriodSeconds: number;
  securityContext: { runAsUser: number; runAsNonRoot: boolean };
  containers: (Record<`${'startup' | 'liveness' | 'readiness'}Probe`, { httpGet: { path: string } }> & {
    env: { name: string; value: string }[];
    ports: { containerPort: number }[];
    lifecycle: { preStop: { exec: { command: string[] } } };
    securityContext: object;
  })[];
}

const compose = parse(textOf('compose.yaml'), { merge: true }) as Compose;
const folder = join(ROOT, 'deploy/kubernetes');
const manifests = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .flatMap((file) =>
    parseAllDocuments(textOf(`deploy/kubernetes/${file}`)).map((document) => document.toJS() as Manifest),
  );
const pod = manifests.find(({ kind }) => kind === 'Deployment')?.spec.template.spec;
const container = pod?.containers[0];

let relay: Relay;
let exposed: Set<string>;

beforeAll(async () => {
  relay = await testRelay();
  const [alice, bob] = [await newUser(relay.url, 'alice'), await newUser(relay.url, 'bob')];
  const socket = await connect(alice);
  await socket.submit(messageTo(bob));
  const text = await (await fetch(`${relay.url}/metrics`)).text();
  exposed = new Set(
    [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  socket.close();
});
afterAll(() => relay.close());

const metricsIn = (text: string) => [...new Set(text.match(/\b(?:sotto|nodejs|process)_[a-z0-9_]+/g))];

test.each(['deploy/grafana/sotto-relay.json', 'deploy/prometheus/alerts.yaml'])(
  '%s asks only for metrics that exist',
  (path) => {
    const asked = metricsIn(textOf(path));
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.filter((name) => !exposed.has(name))).toEqual([]);
  },
);

test('the dashboard shows every metric of ours', () => {
  const shown = textOf('deploy/grafana/sotto-relay.json');
  const families = [...exposed]
    .filter((name) => name.startsWith('sotto_'))
    .map((name) => name.replace(/_(sum|count)$/, ''));
  const missing = new Set(families.filter((name) => !shown.includes(name.replace(/_bucket$/, ''))));
  expect([...missing]).toEqual([]);
});

test('alerts and panels have what makes them useful', () => {
  const { groups } = parse(textOf('deploy/prometheus/alerts.yaml')) as {
    groups: { rules: Record<string, unknown>[] }[];
  };
  for (const rule of groups.flatMap(({ rules }) => rules)) {
    for (const field of ['alert', 'expr', 'for']) expect(rule[field], field).toEqual(expect.any(String));
  }
});

/** Settings that may stand in a file are named with `_FILE` there. */
function unknownSettings(names: string[]): string[] {
  const known = textOf('packages/relay/src/main.ts') + textOf('packages/relay/src/config/config.ts');
  return names.filter((name) => !known.includes(name) && !known.includes(`'${name.replace(/_FILE$/, '')}'`));
}

test('compose and Kubernetes set only what the relay knows', () => {
  const relays = Object.values(compose.services).filter(({ build }) => build !== undefined);
  expect(relays).toHaveLength(2);
  const names = [
    ...relays.flatMap(({ environment = {} }) => Object.keys(environment)),
    ...(container?.env ?? []).map(({ name }) => name),
  ];
  expect(unknownSettings(names)).toEqual([]);
  expect(unknownSettings(['SOTTO_UNHEARD_OF'])).toHaveLength(1);
  for (const { secrets = [] } of relays) for (const secret of secrets) expect(compose.secrets).toHaveProperty(secret);
});

test('what is optional is a setting of the relay as well, and the admin port is exposed nowhere', () => {
  const files = ['compose.yaml', ...readdirSync(folder).map((file) => `deploy/kubernetes/${file}`)];
  const optional = ['SOTTO_SECRETS_KEY_FILE', 'SOTTO_ADMIN_TOKENS_FILE'];
  expect(unknownSettings(optional)).toEqual([]);
  for (const path of ['compose.yaml', 'deploy/kubernetes/relay.yaml']) {
    for (const name of optional) expect(textOf(path), path).toMatch(new RegExp(`# .*${name}`));
  }
  const adminPort = String(relayConfig.shape.adminPort.parse(undefined));
  for (const path of files.filter((file) => file.endsWith('.yaml'))) {
    const live = textOf(path)
      .split('\n')
      .filter((line) => !line.trimStart().startsWith('#'));
    expect(live.join('\n'), path).not.toContain(adminPort);
  }
  expect(relayConfig.shape.adminHost.parse(undefined)).toBe('127.0.0.1');
  const policy = manifests.find(({ kind }) => kind === 'NetworkPolicy') as unknown as {
    spec: { ingress: { ports: { port: string }[] }[] };
  };
  expect(policy.spec.ingress.flatMap(({ ports }) => ports.map(({ port }) => port))).toEqual(['http']);
});

test('every service of compose is locked down and bounded; all but the relays, whose image has it, bring a health check', () => {
  for (const [name, service] of Object.entries(compose.services)) {
    expect(service, name).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service.mem_limit, name).toBeDefined();
    if (service.build === undefined) expect(service.healthcheck, name).toBeDefined();
    if (service.build === undefined) expect(service.user, name).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  }
});

test('ports agree: configuration, image, nginx, Kubernetes', () => {
  const dockerfile = textOf('Dockerfile');
  expect(dockerfile).toContain(`EXPOSE ${PORT}`);
  expect(dockerfile).toContain(`PORT=${PORT}`);
  expect(dockerfile).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  const upstreams = [...textOf('deploy/nginx/nginx.conf').matchAll(/server (\S+):(\d+) max_fails/g)];
  expect(upstreams.map(([, host]) => host).sort()).toEqual(['relay-1', 'relay-2']);
  expect(upstreams.every(([, , port]) => Number(port) === PORT)).toBe(true);
  expect(container?.ports[0]?.containerPort).toBe(PORT);
});

test('Kubernetes: probes exist, the pod may drain, nobody is root', async () => {
  expect(manifests.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining([
      'Deployment',
      'Service',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'HorizontalPodAutoscaler',
    ]),
  );
  if (!pod || !container) throw new Error('there is a pod with a container');
  for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe])
    expect((await fetch(relay.url + probe.httpGet.path)).status).toBe(200);
  const settling = Number(container.lifecycle.preStop.exec.command[1]);
  expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(settling + 10);
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true });
  expect(textOf('Dockerfile')).toContain(`USER ${pod.securityContext.runAsUser}:`);
  expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
});
