import { Buffer } from 'node:buffer';

import { DEV_APP, toBase64Url, type AppId, type DevObservation, type Envelope } from '@sotto/protocol';
import express, { type Response, type Router } from 'express';

import type { DeviceAddress, MailboxId } from '../mailbox/mailbox-id.js';
import type { RelayObserver } from '../observer.js';
import type { Inspection, Store } from '../store/store.js';

/** Payload bytes that are shown. */
const HEAD_BYTES = 96;

const APP = DEV_APP as AppId;

interface ObserverDeps {
  store: Store;
  isOnline: (mailbox: MailboxId) => boolean;
  onError: (error: unknown) => void;
}

/**
 * `GET /dev/observe`: what the relay holds, as server-sent events; first the current state, then every change. One queue
 * for everything, so that no watcher sees an acknowledgement before its envelope.
 */
export class DevObserver implements RelayObserver {
  readonly #deps: ObserverDeps;
  readonly #watchers = new Set<Response>();
  readonly #addresses = new Map<MailboxId, DeviceAddress>();
  #queue: Promise<void> = Promise.resolve();
  #isDirectoryQueued = false;

  constructor(deps: ObserverDeps) {
    this.#deps = deps;
  }

  stored(app: AppId, mailbox: MailboxId, envelopes: Envelope[]): void {
    this.#enqueue(app, async () => {
      const address = await this.#addressOf(mailbox);
      if (address) for (const envelope of envelopes) this.#broadcast(toStored(address, envelope));
    });
  }

  acked(app: AppId, mailbox: MailboxId, seq: number): void {
    this.#enqueue(app, async () => {
      const address = await this.#addressOf(mailbox);
      if (address) this.#broadcast({ type: 'acked', mailbox: { user: address.user, device: address.device }, seq });
    });
  }

  directoryChanged(app: AppId): void {
    if (this.#isDirectoryQueued) return;
    this.#isDirectoryQueued = true;
    this.#enqueue(app, async () => {
      this.#isDirectoryQueued = false;
      this.#broadcast(this.#toDirectory(await this.#inspect()));
    });
  }

  routes(): Router {
    const router = express.Router();
    router.get('/dev/observe', (request, response) => {
      response.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'access-control-allow-origin': '*',
        'x-accel-buffering': 'no',
      });
      request.on('close', () => this.#watchers.delete(response));
      this.#enqueue(APP, async () => {
        const { envelopes, devices } = await this.#inspect();
        this.#send(response, this.#toDirectory({ devices, envelopes }));
        for (const { mailbox, envelope } of envelopes) this.#send(response, toStored(mailbox, envelope));
        if (!response.destroyed) this.#watchers.add(response);
      });
    });
    return router;
  }

  close(): void {
    for (const response of this.#watchers) response.end();
    this.#watchers.clear();
  }

  #enqueue(app: AppId, task: () => Promise<void>): void {
    if (app !== APP) return;
    this.#queue = this.#queue.then(task).catch(this.#deps.onError);
  }

  async #addressOf(mailbox: MailboxId): Promise<DeviceAddress | undefined> {
    if (!this.#addresses.has(mailbox)) await this.#inspect();
    return this.#addresses.get(mailbox);
  }

  async #inspect(): Promise<Inspection> {
    const inspection = await this.#deps.store.inspect(APP);
    for (const { mailbox, ...address } of inspection.devices) this.#addresses.set(mailbox, address);
    return inspection;
  }

  #toDirectory({ devices }: Inspection): DevObservation {
    return {
      type: 'directory',
      devices: devices.map(({ user, device, registration, identityKey, preKeys, mailbox }) => ({
        user,
        device,
        registration,
        identityKey: toBase64Url(identityKey),
        oneTimePreKeys: preKeys.oneTime,
        kemPreKeys: preKeys.kem,
        online: this.#deps.isOnline(mailbox),
      })),
    };
  }

  #broadcast(observation: DevObservation): void {
    for (const watcher of this.#watchers) this.#send(watcher, observation);
  }

  #send(watcher: Response, observation: DevObservation): void {
    watcher.write(`data: ${JSON.stringify(observation)}\n\n`);
  }
}

function toStored({ user, device }: DeviceAddress, envelope: Envelope): DevObservation {
  return {
    type: 'stored',
    mailbox: { user, device },
    from: { user: envelope.user, device: envelope.device },
    seq: envelope.seq,
    at: envelope.at,
    bytes: envelope.payload.length,
    head: Buffer.from(envelope.payload.subarray(0, HEAD_BYTES)).toString('hex'),
  };
}
