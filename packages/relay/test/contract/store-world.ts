import type { Aci, AppId, DeviceId, RegistrationId } from '@sotto/protocol';

import { aciOf } from '../../src/auth/user.js';
import { mailboxId, type DeviceAddress, type MailboxId } from '../../src/mailbox/mailbox-id.js';
import type {
  BatchItem,
  DeviceRecord,
  PreKeyUpload,
  Quota,
  SealingCount,
  Store,
  SubmitBatch,
} from '../../src/store/store.js';
import { random, someKey } from '../support/device.js';

export const APP = 'acme' as AppId;
export const ROOMY: Quota = { envelopes: 10_000, bytes: 10_000_000 };
export const NOW = 1_700_000_000_000;
export const DAY = 86_400_000;

export interface Device {
  app: AppId;
  address: DeviceAddress;
  mailbox: MailboxId;
}

export interface Letter {
  from?: DeviceAddress;
  to: Device | MailboxId;
  id?: Uint8Array;
  digest?: Uint8Array;
  size?: number;
  lists?: { user: Aci; version: number }[];
}

interface BatchOptions {
  quota?: Quota;
  now?: number;
  sealings?: SealingCount[];
}

export type StoreWorld = ReturnType<typeof storeWorld>;

/** What the contracts of a store need: users of their own for every test, and what is sent between them. */
export function storeWorld(name: string, store: () => Store) {
  let count = 0;
  const newUser = (app = APP): Aci => aciOf(app, `${name}-user-${++count}`);

  async function newDevice(
    options: { app?: AppId; user?: Aci; device?: number; listed?: boolean } = {},
  ): Promise<Device> {
    const { app = APP, user = newUser(app), device = 1, listed = true } = options;
    const registration = ((++count % 16_000) + 1) as RegistrationId;
    const address: DeviceAddress = { user, device: device as DeviceId, registration };
    const mailbox = mailboxId(app, address);
    const record: DeviceRecord = {
      ...address,
      mailbox,
      secretHash: random(32),
      attemptHash: random(32),
      listed: false,
      createdAt: NOW,
      seenDay: Math.floor(NOW / DAY),
      warnedDay: null,
      removedAt: null,
    };
    await store().updateUser(app, user, () => ({ change: { add: record, identityKey: someKey() }, result: undefined }));
    if (listed) await setList({ app, address, mailbox }, 1);
    return { app, address, mailbox };
  }

  async function setList({ app, address, mailbox }: Device, version: number): Promise<void> {
    const signed = { record: Buffer.from(`list ${version}`), signature: random(64) };
    const change = { list: { signed, version }, nextListVersion: version + 1, listed: [mailbox] };
    await store().updateUser(app, address.user, () => ({ change, result: undefined }));
  }

  /** One submit with one item and one payload for each letter. */
  function batchOf(letters: Letter[], options: BatchOptions = {}): SubmitBatch {
    const { quota = ROOMY, now = NOW, sealings = [] } = options;
    const stranger: DeviceAddress = { user: newUser(), device: 1 as DeviceId, registration: 1 as RegistrationId };
    return {
      now,
      quota,
      sealings,
      submits: letters.map(({ from = stranger, id = random(16), lists = [] }) => ({ sender: from, id, lists })),
      payloads: letters.map(({ size = 10 }) => random(size)),
      items: letters.map(({ to, digest = random(16) }, index): BatchItem => ({
        submit: index,
        payload: index,
        digest,
        mailbox: typeof to === 'string' ? to : to.mailbox,
      })),
    };
  }

  const submit = async (letters: Letter[], options: BatchOptions & { app?: AppId } = {}) =>
    (await store().submit(options.app ?? APP, batchOf(letters, options))).map((each) =>
      each.outcome === 'stored' ? each.seq : each.outcome,
    );

  const readAll = async (device: Device, after = 0) => {
    const page = await store().read(device.app, device.mailbox, after, { envelopes: 1000, bytes: 1e9 });
    return page?.envelopes ?? [];
  };

  let nextPreKey = 1;
  function upload(oneTime: number, kem = oneTime, replace = false): PreKeyUpload {
    const signed = (length: number) => ({
      id: nextPreKey++,
      key: someKey(length),
      signature: random(64),
      deviceSignature: random(64),
    });
    const keys = {
      signedPreKey: signed(33),
      lastResortKemPreKey: signed(1569),
      oneTimePreKeys: Array.from({ length: oneTime }, () => ({ id: nextPreKey++, key: someKey() })),
      kemPreKeys: Array.from({ length: kem }, () => signed(1569)),
      replace,
    };
    return keys;
  }

  return { name, store, newUser, newDevice, setList, batchOf, submit, readAll, upload };
}

export function repeat(letter: Letter, times: number): Letter[] {
  return Array.from({ length: times }, () => ({ ...letter }));
}
