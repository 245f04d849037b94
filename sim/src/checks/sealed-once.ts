import { createHash } from 'node:crypto';

import { toBase64Url, type Submit, type Welcome } from '@sotto/protocol';
import type { VaultRows } from '@sotto/sdk/testing';

import type { Device } from '../client/device.js';
import { keyUseOf } from './whisper.js';

type Report = (rule: string, detail: string) => void;

/** What has left a device sealed leaves it again in the same bytes, and no message key serves for two messages. */
export class SealedOnce {
  readonly #report: Report;
  /** Bytes by device, recipient and envelope. */
  readonly #sealed = new Map<string, string>();
  readonly #keys = new Map<string, { readonly bytes: string; readonly sealing: number }>();
  /** Devices whose vault was put back, with the sealings that the relay knew of when it next welcomed them. */
  readonly #restored = new Map<Device, number | null>();

  constructor(report: Report) {
    this.#report = report;
  }

  wasRestored(device: Device): boolean {
    return this.#restored.has(device);
  }

  /** Its vault is an older one now. What that one had not sealed yet, it cannot seal again in the same bytes. */
  restored(
    device: Device,
    messages: readonly VaultRows['sealedMessages'][],
    payloads: readonly VaultRows['sealedPayloads'][],
  ): void {
    this.#restored.set(device, null);
    const envelopes = new Map(messages.map(({ id, envelopeId }) => [id, toBase64Url(envelopeId)]));
    const held = new Set(payloads.map((row) => keyOf(device, row.user, row, envelopes.get(row.message) ?? '')));
    for (const key of this.#sealed.keys())
      if (key.startsWith(`${device.name}>`) && !held.has(key)) this.#sealed.delete(key);
  }

  welcomed(device: Device, { sealings }: Pick<Welcome, 'sealings'>): void {
    if (this.#restored.get(device) === null) this.#restored.set(device, sealings);
  }

  /** Every submit that leaves a device. */
  submitted(device: Device, submit: Submit): void {
    const envelope = toBase64Url(submit.id);
    for (const { user, devices } of submit.recipients) {
      for (const target of devices) {
        const payload = submit.payloads[target.payload];
        if (!payload) continue;
        const key = keyOf(device, user, target, envelope);
        const bytes = createHash('sha256').update(payload).digest('hex');
        const before = this.#sealed.get(key);
        if (before === undefined) this.#sealed.set(key, bytes);
        else if (before !== bytes) this.#report('retry-with-other-bytes', key);
        const use = keyUseOf(payload);
        const to = `${device.name}>${user}.${target.device}.${target.registration}`;
        if (use) this.#keyUsed(device, `${to}/${use.ratchetKey}/${use.counter}`, { bytes, sealing: submit.sealing });
      }
    }
  }

  /**
   * A copy of which the relay had not seen more than the copy knows itself may use the keys of what was under way. Its
   * salt keeps both secret: what counts is that no other key is used twice.
   */
  #keyUsed(device: Device, key: string, use: { readonly bytes: string; readonly sealing: number }): void {
    const before = this.#keys.get(key);
    const counted = this.#restored.get(device) ?? Infinity;
    if (!before || before.sealing > counted) this.#keys.set(key, use);
    else if (before.bytes !== use.bytes) this.#report('message-key-used-twice', key);
  }
}

type Target = Pick<Submit['recipients'][number]['devices'][number], 'device' | 'registration'>;

const keyOf = (from: Device, user: string, { device, registration }: Target, envelope: string): string =>
  `${from.name}>${user}.${device}.${registration}/${envelope}`;
