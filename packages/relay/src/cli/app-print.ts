import type { AppView, AppWithSecret } from '../apps/app-admin.js';

type KeyView = AppView['keys'][number];

export function describeApp(app: AppView, now: number): string {
  const { state, since, source, createdAt, origins, limits, retentionDays, quota, inactiveDeviceDays } = app;
  const quotas = [quota?.envelopes && `${quota.envelopes} envelopes`, quota?.bytes && `${quota.bytes} bytes`];
  const lines: [string, string][] = [
    ['state', since !== null && state !== 'active' ? `${state} since ${time(since)}` : state],
    ['created', createdAt === null ? 'in the configuration (SOTTO_APPS)' : time(createdAt)],
    ['origins', origins.length > 0 ? origins.join(', ') : 'none: programs may connect, websites may not'],
    ['retention', retentionDays === undefined ? 'as the relay' : `${retentionDays} days`],
    ['mailbox quota', quotas.filter(Boolean).join(', ') || 'as the relay'],
    ['inactive', inactiveDeviceDays === undefined ? 'as the relay' : `devices go after ${inactiveDeviceDays} days`],
    ['limits', Object.entries(limits).map(limitText).join(', ') || 'as the relay'],
    ...app.keys.map((key, index): [string, string] => [index === 0 ? 'keys' : '', keyText(key, now)]),
  ];
  const text = lines.map(([name, value]) => `  ${name.padEnd(14)} ${value}`).join('\n');
  return `${app.id}${source === 'config' ? ' (read-only)' : ''}\n${text}\n`;
}

/** The only place where a secret is printed. */
export function describeSecret({ app, secret }: AppWithSecret): string {
  if (secret === undefined) return '';
  const [key] = app.keys;
  const open =
    key?.sealed === false
      ? '\nThe relay keeps it unsealed in its database; with SOTTO_SECRETS_KEY it is sealed.\n'
      : '';
  return `\nThe secret of key ${key?.kid ?? ''}, shown this once. It belongs into the settings of the app's backend only:\n\n  ${secret}\n${open}`;
}

export function describeList(apps: readonly AppView[]): string {
  if (apps.length === 0) return 'There is no app yet. Make one: sotto-relay app create ID --origin https://...\n';
  const rows = apps.map(({ id, state, source, keys, origins }) => [
    id,
    state,
    [...new Set(keys.map(({ algorithm }) => algorithm))].join(' '),
    source,
    origins.join(' '),
  ]);
  const table = [['APP', 'STATE', 'KEYS', 'SOURCE', 'ORIGINS'], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  const line = (row: string[]) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
  return `${table.map((row) => line(row).trimEnd()).join('\n')}\n`;
}

function limitText([name, budget]: [string, { points: number; seconds: number } | undefined]): string {
  return `${name} ${budget?.points ?? 0} in ${budget?.seconds ?? 0} s`;
}

function keyText({ kid, algorithm, kind, jwksUrl, sealed, expiresAt }: KeyView, now: number): string {
  const what = { secret: 'secret', 'public-key': 'public key', 'jwks-url': jwksUrl ?? '' }[kind];
  const end = expiresAt === null ? '' : expiresAt > now ? `, until ${time(expiresAt)}` : ', refused: its time is over';
  return `${kid ?? '(no kid)'}  ${algorithm}, ${what}${sealed === false ? ', unsealed' : ''}${end}`;
}

function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.[0-9]+Z$/, 'Z');
}
