import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';

import type { AppId } from '@sotto/protocol';

import { AdminClientError } from '../admin/admin-client.js';
import type { AppAdmin, AppView, AppWithSecret } from '../apps/app-admin.js';
import { APP_ERRORS, AppError } from '../apps/app-error.js';
import { appIdOf } from '../apps/app.js';
import type { Environment } from '../config/read-setting.js';
import { APP_OPTIONS, FLAGS_OF, toCreate, toRotate, toSettings, type AppFlags } from './app-options.js';
import { describeApp, describeList, describeSecret } from './app-print.js';
import { CliError } from './cli-error.js';
import { openAppAdmin, type OpenAdmin } from './open-app-admin.js';

export const APP_USAGE = `sotto-relay app create ID [KEY] [SETTINGS]     a new app; prints its secret once
sotto-relay app list
sotto-relay app show ID
sotto-relay app update ID SETTINGS
sotto-relay app rotate-key ID [KEY] [--grace 24h]   the old keys count so long; 0 ends them at once
sotto-relay app suspend ID | resume ID              shuts its users out, and lets them in again
sotto-relay app delete ID [--yes]                   with all of its data

KEY       --algorithm HS256 (default), RS256, ES256, EdDSA; --kid NAME
          HS256: a secret is made, or taken from --secret-file FILE (- is standard input)
          others: --public-key FILE (PEM or JWK), or --jwks-url URL
SETTINGS  --origin https://... (repeat it; * for any, none for none), --retention-days N, --quota-envelopes N,
          --quota-bytes N, --inactive-device-days N, --limit NAME=POINTS/SECONDS (repeat it);
          "default" instead of N goes back to what the relay says
--json    prints what programs read

Works on a running relay with SOTTO_ADMIN_URL and SOTTO_ADMIN_TOKEN; else on DATABASE_URL; else on the data folder
(--data, SOTTO_DATA) of a relay that does not run.
`;

/** What a command talks to: the terminal, or a test. */
export interface Terminal {
  out: (text: string) => void;
  err: (text: string) => void;
  environment: Environment;
  /** Asks a person; null: nobody is there. */
  ask: (question: string) => Promise<string | null>;
}

export function systemTerminal(): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    environment: process.env,
    async ask(question) {
      if (!process.stdin.isTTY) return null;
      const lines = createInterface({ input: process.stdin, output: process.stderr });
      return lines.question(question).finally(() => {
        lines.close();
      });
    },
  };
}

/** `sotto-relay app ...`. Rejects with `CliError`. */
export async function runAppCommand(args: readonly string[], terminal: Terminal): Promise<void> {
  const { command, id, flags } = read(args);
  if (flags.help === true || command === undefined) {
    terminal.out(APP_USAGE);
    return;
  }
  const open = await openAppAdmin(terminal.environment, flags.data, command === 'create', terminal.err);
  try {
    await run(command, id, { ...terminal, flags, open });
  } catch (error) {
    throw explain(error);
  } finally {
    await open.close();
  }
}

interface Context extends Terminal {
  flags: AppFlags;
  open: OpenAdmin;
}

async function run(command: string, id: AppId | null, context: Context): Promise<void> {
  const { admin } = context.open;
  if (command === 'list') {
    await list(context);
    return;
  }
  if (id === null) throw new CliError(`sotto-relay app ${command} needs the id of an app.`, 2);
  if (command === 'delete') await remove(id, admin, context);
  else print(context, ...(await changeOrShow(command, id, context.flags, context.open)));
}

/** What is to be printed: the app as it is now, and a sentence about what was done. */
async function changeOrShow(
  command: string,
  id: AppId,
  flags: AppFlags,
  { admin, place }: OpenAdmin,
): Promise<[AppWithSecret, string?]> {
  switch (command) {
    case 'create':
      return [await admin.create(toCreate(id, flags)), `Made in ${place}:`];
    case 'update':
      return [{ app: await admin.update(id, changed(flags)) }, 'Changed:'];
    case 'rotate-key':
      return [await admin.rotateKey(id, toRotate(flags)), 'The new key counts at once:'];
    case 'suspend':
      return [{ app: await admin.suspend(id) }, 'Suspended: its users are shut out, nothing is deleted.'];
    case 'resume':
      return [{ app: await admin.resume(id) }, 'Resumed.'];
    default:
      return [{ app: await admin.show(id) }];
  }
}

function changed(flags: AppFlags) {
  const settings = toSettings(flags);
  if (Object.keys(settings).length === 0) throw new CliError('Nothing to change: say which settings.', 2);
  return settings;
}

async function list({ open, flags, out }: Context): Promise<void> {
  const apps: AppView[] = [];
  for (let after: string | undefined; ;) {
    const page = await open.admin.list(after);
    apps.push(...page.apps);
    if (page.next === null) break;
    after = page.next;
  }
  out(flags.json === true ? `${JSON.stringify({ apps }, null, 2)}\n` : describeList(apps));
}

function print({ flags, out }: Context, result: AppWithSecret, heading?: string): void {
  if (flags.json === true) out(`${JSON.stringify(result, null, 2)}\n`);
  else
    out(
      `${heading === undefined ? '' : `${heading}\n\n`}${describeApp(result.app, Date.now())}${describeSecret(result)}`,
    );
}

async function remove(id: AppId, admin: AppAdmin, { open, flags, out, err, ask }: Context): Promise<void> {
  const app = await admin.show(id);
  if (flags.yes !== true) {
    const answer = await ask(`This removes "${id}" from ${open.place}: all users, devices and messages. Type its id: `);
    if (answer === null)
      throw new CliError('Deleting cannot be undone: add --yes when no one is there to be asked.', 2);
    if (answer.trim() !== id) throw new CliError('Nothing was deleted.');
  }
  const gone = app.state === 'deleting' ? app : await admin.remove(id);
  const word = await open.purge(id, (removed) => {
    if (flags.json !== true) err(`\r${removed} rows removed`);
  });
  if (flags.json === true) out(`${JSON.stringify({ app: gone }, null, 2)}\n`);
  else out(`"${id}" is deleted: its users are shut out. ${word}\n`);
}

const COMMANDS = ['create', 'list', 'show', 'update', 'rotate-key', 'suspend', 'resume', 'delete'];

function read(args: readonly string[]): { command: string | undefined; id: AppId | null; flags: AppFlags } {
  const { values: flags, positionals } = parse(args);
  const [command, name, ...rest] = positionals;
  if (command === undefined || flags.help === true) return { command: undefined, id: null, flags };
  if (!COMMANDS.includes(command)) throw new CliError(`There is no "app ${command}".\n\n${APP_USAGE}`, 2);
  if (rest.length > 0 || (command === 'list' && name !== undefined)) {
    throw new CliError(`What does "${rest[0] ?? name ?? ''}" mean there?\n\n${APP_USAGE}`, 2);
  }
  const known = [...(FLAGS_OF[command] ?? []), 'data', 'json'];
  const odd = Object.keys(flags).find((flag) => !known.includes(flag));
  if (odd !== undefined) throw new CliError(`--${odd} does nothing with "app ${command}".`, 2);
  if (name === undefined) return { command, id: null, flags };
  const id = appIdOf.safeParse(name);
  if (!id.success) throw new CliError(`"${name}" is ${id.error.issues[0]?.message ?? 'not an app id'}.`, 2);
  return { command, id: id.data, flags };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: APP_OPTIONS, strict: true, allowPositionals: true });
  } catch (error) {
    throw new CliError(`${error instanceof Error ? error.message : 'Unknown option.'}\n\n${APP_USAGE}`, 2);
  }
}

function explain(error: unknown): unknown {
  if (!(error instanceof AppError || error instanceof AdminClientError)) return error;
  const { code, message } = error;
  const action =
    code in APP_ERRORS && code !== 'bad-request' ? ` ${APP_ERRORS[code as keyof typeof APP_ERRORS].action}` : '';
  return new CliError(`${message}${/[.!?]$/.test(message) ? '' : '.'}${action}`);
}
