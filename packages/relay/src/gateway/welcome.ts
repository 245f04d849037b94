import { limits, PROTOCOL_VERSION, type AppId, type Hello, type Welcome } from '@sotto/protocol';

import type { Tenants } from '../apps/tenants.js';
import { whyMissing } from '../directory/authenticate.js';
import { RelayError } from '../errors.js';
import type { AckWriter } from '../mailbox/ack.js';
import { compareCursor, compareVault } from '../mailbox/cursor.js';
import { asBuffer } from '../mailbox/deliver.js';
import type { DeviceAddress, MailboxId } from '../mailbox/mailbox-id.js';
import type { Clock } from '../platform.js';
import type { Store } from '../store/store.js';

interface WelcomeDeps {
  store: Store;
  clock: Clock;
  tenants: Tenants;
  acks: AckWriter;
}

/**
 * What the mailbox says to the cursor of a device that has come back; what the cursor acknowledges is acknowledged.
 *
 * @throws RelayError `device-gone`, `device-unknown`, `ack-refused`, `unavailable`, `internal`
 */
export async function readWelcome(
  { app, mailbox, address }: { app: AppId; mailbox: MailboxId; address: DeviceAddress },
  hello: Hello,
  { store, clock, tenants, acks }: WelcomeDeps,
): Promise<Omit<Welcome, 'listVersion' | 'expiring'>> {
  const state = await store.mailbox(app, mailbox);
  // It was there a moment ago.
  if (!state) throw new RelayError(whyMissing(await store.user(app, address.user), address));
  const { cursor } = hello;
  const isAbove = cursor.seq > state.acked.seq && cursor.seq <= state.head;
  const standing = isAbove ? await store.envelopeIdAt(app, mailbox, cursor.seq) : null;
  const story = compareCursor(state, cursor, standing);
  if (story === 'ok' && isAbove && cursor.id) await acks.acked({ mailbox, seq: cursor.seq, id: cursor.id });
  const preKeys = await store.preKeyCounts(app, mailbox);
  const acked = story === 'ok' ? cursor : state.acked;
  return {
    protocol: PROTOCOL_VERSION,
    time: clock.now(),
    verdict: compareVault(state, hello, story),
    sealings: state.sealings,
    acked: { seq: acked.seq, id: acked.id && asBuffer(acked.id) },
    head: state.head,
    first: Math.max(state.first, acked.seq + 1),
    retentionSeconds: Math.floor(tenants.policy(app).retentionMs / 1000),
    preKeys,
    limits: { payloadBytes: limits.MAX_PAYLOAD_BYTES, submitBytes: limits.MAX_SUBMIT_BYTES },
  };
}
