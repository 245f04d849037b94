import type { Aci } from '@sotto/protocol';

import { SottoError } from '../errors.js';
import type { AnswerCode, AnswerRow, CommandRow } from '../history/schema.js';
import type { RelayApi } from '../network/relay-api.js';
import { RelayError } from '../network/relay-error.js';
import { StorageError } from '../storage/storage-error.js';
import { fetched } from '../util/fetched.js';
import { VaultConflict, type EngineContext } from './context.js';
import { DirectoryError } from './directory.js';
import type { LaterModules } from './later.js';
import type { LocalDevice } from './local-device.js';
import type { OwnDevices } from './own-devices.js';

/** What commands work with. */
export interface CommandPorts {
  readonly api: RelayApi;
  readonly devices: OwnDevices;
  /** Null before registration. */
  readonly local: () => LocalDevice | null;
  /** Pins the identity of a user, and writes it down. @throws RelayError, DirectoryError */
  readonly lookUp: (user: Aci) => Promise<unknown>;
  readonly reset: () => void;
  /** Registers with the identity that the vault has now. */
  readonly startOver: () => void;
  readonly linking: LaterModules['linking'];
}

/** Does what tabs have asked for, side by side, and says what came of it. @throws VaultConflict, StorageError */
export async function runCommands(context: EngineContext, ports: CommandPorts): Promise<void> {
  const rows = await context.history.write(['commands'], async (transaction) => {
    const taken = await transaction.range('commands');
    for (const { id } of taken) await transaction.delete('commands', [id]);
    return taken;
  });
  await Promise.all(
    rows.map(async (row) => {
      const answer: AnswerRow = { id: row.id, ...(await run(context, ports, row)) };
      if (row.command !== 'reset')
        await context.history.write(['answers'], (transaction) => transaction.put('answers', answer));
    }),
  );
}

const NOTHING = new Uint8Array();

async function run(
  context: EngineContext,
  ports: CommandPorts,
  row: CommandRow,
): Promise<{ result: Uint8Array; code: AnswerCode | null }> {
  try {
    return { result: await attempt(context, ports, row), code: null };
  } catch (error) {
    if (error instanceof VaultConflict) throw error;
    return { result: NOTHING, code: codeOf(error, row) };
  }
}

/** What nobody has foreseen, when a bundle is taken, is the bundle's doing. */
function codeOf(error: unknown, { command }: CommandRow): AnswerCode {
  if (error instanceof Refused) return error.code;
  if (error instanceof StorageError) return error.code === 'storage-full' ? 'storage-full' : 'storage-failed';
  const isRelay = [RelayError, DirectoryError, SottoError].some((kind) => error instanceof kind);
  return command === 'link' && !isRelay ? 'link-invalid' : 'relay-unreachable';
}

class Refused extends Error {
  override readonly name = 'Refused';

  constructor(readonly code: AnswerCode) {
    super(code);
  }
}

async function attempt(context: EngineContext, ports: CommandPorts, row: CommandRow): Promise<Uint8Array> {
  const local = ports.local();
  switch (row.command) {
    case 'reset':
      ports.reset();
      return NOTHING;
    case 'link': {
      const { takeLinkBundle } = await fetched(ports.linking());
      if (!(await takeLinkBundle(context, row.box))) throw new Refused('link-invalid');
      ports.startOver();
      return NOTHING;
    }
    case 'make-link': {
      if (!local) throw new RelayError(null);
      const { makeLinkBundle } = await fetched(ports.linking());
      return makeLinkBundle(context, ports.api, local, row.publicKey);
    }
    case 'remove-device':
      if (!local) throw new RelayError(null);
      await ports.devices.remove(local, row);
      return NOTHING;
    case 'look-up':
      if (!local) throw new RelayError(null);
      await ports.lookUp(row.user).catch((error: unknown) => {
        throw error instanceof RelayError && error.code === 'user-unknown' ? new Refused('identity-unknown') : error;
      });
      return NOTHING;
  }
}
