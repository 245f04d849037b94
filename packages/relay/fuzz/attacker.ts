import { inspect } from 'node:util';

import { ERROR_CODES } from '@sotto/protocol';
import type { Socket } from 'socket.io-client';

import { helloOf, newUser, open, type TestDevice } from '../test/support/device.js';

/** A client waits so long for an answer before it counts as a failure of the relay. */
export const PATIENCE_MS = 20_000;

/** A device serves for so many inputs: it may remove itself, fill up, or be refused for good reasons. */
const LIFE = 1_000;

/** Mallory: has a valid token and device, and a new one whenever the relay has had enough of the last. */
export class Attacker {
  readonly #url: string;
  readonly #name: string;
  #device: Promise<TestDevice> | null = null;
  /** Shared by all who need it at once: a second socket of the device would supersede the first. */
  #socket: Promise<Socket> | null = null;
  #current: Socket | null = null;
  #lives = 0;
  #used = 0;

  constructor(url: string, name: string) {
    this.#url = url;
    this.#name = name;
  }

  device(): Promise<TestDevice> {
    if (++this.#used > LIFE) this.renew();
    return (this.#device ??= newUser(this.#url, `${this.#name}-${++this.#lives}`));
  }

  renew(): void {
    this.#current?.disconnect();
    this.#socket = null;
    this.#device = null;
    this.#used = 0;
  }

  socket(): Promise<Socket> {
    const device = this.device();
    if (this.#current?.connected === false) [this.#socket, this.#current] = [null, null];
    return (this.#socket ??= device.then((mallory) => this.#connect(mallory)));
  }

  stop(): void {
    this.#current?.disconnect();
  }

  #connect(device: TestDevice): Promise<Socket> {
    const socket = open(this.#url, helloOf(device, { epoch: Date.now() }));
    return new Promise((resolve, reject) => {
      socket.once('connect', () => {
        this.#current = socket;
        resolve(socket);
      });
      socket.once('connect_error', (error) => {
        // Such as `device-gone`, after it has removed itself.
        this.renew();
        reject(error);
      });
    });
  }
}

type Codes = Readonly<Record<string, { status: number }>>;

/** Why an answer is none that the relay may give, or null. */
export function complaint(body: unknown, status?: number, codes: Codes = ERROR_CODES): string | null {
  if (status !== undefined && status >= 500) return `status ${status}`;
  if (status !== undefined && status < 400) return null;
  const code = typeof body === 'object' && body !== null && 'code' in body ? String(body.code) : null;
  const known = code !== null && Object.hasOwn(codes, code) ? codes[code] : undefined;
  if (!known) return `an answer without a code: ${inspect(body).slice(0, 100)}`;
  return known.status >= 500 ? `code ${code}` : null;
}
