import { deserializeSession, encrypt, serializeSession } from '@sotto/crypto';
import type { DeviceId, Envelope, RegistrationId } from '@sotto/protocol';

import { directConversationId, type Content } from '../../src/content/content.js';
import { toPlaintext } from '../../src/content/codec.js';
import { storedDevice } from '../../src/engine/registration.js';
import { toPayload } from '../../src/engine/payload.js';
import { systemRandom, randomId } from '../../src/util/random.js';
import { aciOfName } from './fake-relay.js';
import type { Person } from './person.js';

/** A content as an honest client would make it, to be bent by tests. */
export async function honestContent(from: Person, to: Person): Promise<Content> {
  const [sender, recipient] = [await device(from), await device(to)];
  return {
    v: 1,
    app: sender.app as Content['app'],
    from: { user: from.name, device: sender.device, registration: sender.registration },
    to: { user: to.name, device: recipient.device, registration: recipient.registration },
    conversation: directConversationId(sender.user, recipient.user),
    id: randomId(systemRandom),
    hlc: Date.now(),
    counter: 1000,
    kind: 'text',
    at: Date.now(),
    lists: { from: 1, to: 1 },
    body: { text: 'forged' },
  };
}

/**
 * Encrypts anything with a contact's real session, as a malicious contact could, and puts it into the victim's mailbox. The
 * contact's own engine must be asleep: its ratchet steps here without it.
 */
export async function sendForged(from: Person, to: Person, plaintext: unknown): Promise<void> {
  const local = await device(from);
  const key = [aciOfName(to.name), 1] as const;
  const row = await from.vault.read(['sessions'], (transaction) => transaction.get('sessions', key));
  if (!row?.current) throw new Error(`${from.name} has no session with ${to.name}`);
  const remote = { name: aciOfName(to.name), deviceId: 1 };
  const bytes = plaintext instanceof Uint8Array ? plaintext : plaintextOf(JSON.stringify(plaintext));
  const record = { current: deserializeSession(row.current), archived: [] };
  const sealed = encrypt({
    record,
    local: local.party,
    remote,
    plaintext: bytes,
    now: Date.now(),
    random: systemRandom,
  });
  await from.vault.write(['sessions'], async (transaction) => {
    if (sealed.record.current)
      await transaction.put('sessions', {
        ...row,
        version: row.version + 1,
        current: serializeSession(sealed.record.current),
      });
  });
  from.relay.inject(to.name, await envelopeFrom(from, toPayload(sealed.message)));
}

/** What decrypts to `raw`, whether that is a content or not. */
export function plaintextOf(raw: string): Uint8Array {
  const plaintext = toPlaintext(raw, systemRandom);
  if (!plaintext) throw new RangeError('too long');
  return plaintext;
}

export async function envelopeFrom(from: Person, payload: Uint8Array): Promise<Omit<Envelope, 'seq' | 'at'>> {
  const { user, device: id, registration } = await device(from);
  return { id: systemRandom(16), user, device: id, registration, payload };
}

async function device(person: Person): Promise<{
  user: Envelope['user'];
  app: string;
  device: DeviceId;
  registration: RegistrationId;
  party: NonNullable<Awaited<ReturnType<typeof storedDevice>>>['party'];
}> {
  const context = { vault: person.vault, app: 'test', user: aciOfName(person.name), userName: person.name };
  const found = await storedDevice(context as unknown as Parameters<typeof storedDevice>[0]);
  if (!found) throw new Error(`${person.name} is not registered`);
  return found;
}
