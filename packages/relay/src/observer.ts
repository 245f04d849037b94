import type { Aci, AppId, DeviceId, Envelope, ErrorCode, UpEvent } from '@sotto/protocol';

import type { AppChange } from './apps/app-service.js';
import type { RelayError } from './errors.js';
import type { LimitName } from './limits/limits.js';
import type { MailboxId } from './mailbox/mailbox-id.js';

/** Something that an operator wants to be able to look up later. Holds no content and no names of users. */
export type SecurityEvent = UserEvent | AdminEvent;

/** What was done to apps, and by whom: the name of an admin token, or the command line on the database itself. */
type AdminEvent = { event: AppChange; app: AppId; by: string } | { event: 'admin-refused'; address: string };

export interface UserEvent {
  event:
    | 'device-registered'
    | 'user-reset'
    | 'device-removed'
    | 'device-expired'
    | 'device-list-published'
    | 'link-token-made';
  app: AppId;
  user: Aci;
  device?: DeviceId;
}

/** What watches the relay from inside: metrics, audit log, `--dev`. Called after the fact; must not throw. */
export interface RelayObserver {
  stored?(app: AppId, mailbox: MailboxId, envelopes: Envelope[]): void;
  acked?(app: AppId, mailbox: MailboxId, seq: number): void;
  /** Devices, lists, prekeys or who is online. */
  directoryChanged?(app: AppId): void;
  /** One statement with its commit. */
  committed?(kind: 'submit' | 'ack', items: number, seconds: number): void;
  /** Envelopes handed to a socket; `at` is when the last of them was stored. */
  delivered?(count: number, at: number): void;
  /** An event of a socket has its answer. */
  answered?(event: UpEvent | 'unknown', result: 'ok' | ErrorCode): void;
  /** A signal of a topic, to one socket; `dropped`: that socket was behind. */
  signalled?(outcome: 'delivered' | 'dropped'): void;
  limited?(limit: LimitName): void;
  security?(event: SecurityEvent): void;
  /** A request, a connection or an event of an open socket that got no further. */
  refused?(refusal: RelayError, from: RefusedSource): void;
}

/** Whoever has proven to be a user of an app, by a token that was verified, and which device, by its secret. */
export interface Proven {
  app: AppId;
  user: Aci;
  device?: DeviceId;
}

/**
 * Who was refused, as far as it is known: what somebody only claims is not written down. `socket`: before it was open;
 * `event`: what an open one asked for.
 */
export type RefusedSource =
  | ({ via: 'http' | 'socket'; address: string } & Partial<Proven>)
  | {
      via: 'event';
      app: AppId;
      user: Aci;
      device: DeviceId;
      /** Absent in a simulation. */
      address?: string;
    };

/** Tells several observers. */
export function observers(all: readonly RelayObserver[]): Required<RelayObserver> {
  const tell =
    <K extends keyof RelayObserver>(name: K) =>
    (...args: Parameters<Required<RelayObserver>[K]>) => {
      for (const observer of all)
        (observer[name] as ((...values: typeof args) => void) | undefined)?.call(observer, ...args);
    };
  return {
    stored: tell('stored'),
    acked: tell('acked'),
    directoryChanged: tell('directoryChanged'),
    committed: tell('committed'),
    delivered: tell('delivered'),
    answered: tell('answered'),
    signalled: tell('signalled'),
    limited: tell('limited'),
    security: tell('security'),
    refused: tell('refused'),
  };
}
