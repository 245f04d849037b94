import { CryptoError, encrypt, startSession, type PreKeyBundle } from '@sotto/crypto';

import { encodeContent } from '../content/codec.js';
import type { Content } from '../content/content.js';
import type { SealedMessageRow } from '../vault/schema.js';
import type { EngineContext } from './context.js';
import { DirectoryError } from './directory.js';
import type { LocalDevice } from './local-device.js';
import type { Outgoing } from './outgoing.js';
import { toPayload } from './payload.js';
import type { SessionUnit } from './session-store.js';
import type { Target } from './targets.js';

/** One content for one device, with the session to use. */
export interface EncryptInput {
  readonly outgoing: Outgoing;
  readonly message: Pick<SealedMessageRow, 'id' | 'hlc'>;
  readonly target: Target;
  /** Starts a new session; absent: the current one is used. */
  readonly bundle: PreKeyBundle | undefined;
  /** Version of this user's own device list. */
  readonly ownList: number;
}

/**
 * Steps the session in the unit of work.
 *
 * @throws DirectoryError `forged-bundle`; CryptoError, RangeError for what cannot be encrypted
 */
export async function encryptFor(
  { random, clock, app }: EngineContext,
  local: LocalDevice,
  unit: SessionUnit,
  { outgoing, message, target, bundle, ownList }: EncryptInput,
): Promise<{ payload: Uint8Array; counter: number }> {
  const { user, device, registration } = target;
  const remote = { name: user, deviceId: device };
  const now = clock.now();
  const { record: before } = await unit.get(user, device, bundle !== undefined);
  const record = bundle
    ? startVerified(() => startSession({ record: before, local: local.party, remote, bundle, now, random }).record)
    : before;
  const counters = await unit.counters(user, device, registration);
  const counter = outgoing.resend?.counter ?? counters.sent + 1;
  const content = toContent(app, outgoing, message, local, target, { counter, ownList });
  const encoded = encodeContent(content, random);
  if (!encoded) throw new RangeError('a content that the front let through does not fit');
  const sealed = encrypt({ record, local: local.party, remote, plaintext: encoded.plaintext, now, random });
  unit.set(user, device, sealed.record, registration);
  if (!outgoing.resend) await unit.count(user, device, { ...counters, sent: counter });
  return { payload: toPayload(sealed.message), counter };
}

function toContent(
  app: EngineContext['app'],
  { resend, conversation, kind, at, peer, body }: Outgoing,
  message: EncryptInput['message'],
  local: LocalDevice,
  target: Target,
  { counter, ownList }: { counter: number; ownList: number },
): Content {
  const fallback = kind.fallback?.(body);
  return {
    v: 1,
    app,
    from: { user: local.userName, device: local.device, registration: local.registration },
    to: { user: target.name, device: target.device, registration: target.registration },
    conversation,
    id: resend?.message ?? message.id,
    hlc: resend?.hlc ?? message.hlc,
    counter,
    kind: kind.name,
    at,
    lists: { from: ownList, to: target.list },
    ...(target.user === local.user && { peer }),
    ...(resend && { resend: resend.envelope }),
    ...(fallback !== undefined && { fallback }),
    body,
  };
}

/** The identity key did not sign what the relay served, or signed what is no key: nothing can be encrypted to it. */
function startVerified<V>(start: () => V): V {
  try {
    return start();
  } catch (error) {
    if (error instanceof CryptoError) throw new DirectoryError('forged-bundle', { cause: error });
    throw error;
  }
}
