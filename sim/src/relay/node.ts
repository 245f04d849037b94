import type { DownEvent, DownMessage, ErrorBody } from '@sotto/protocol';
import {
  createRelayCore,
  RelayError,
  StoreError,
  type Bus,
  type RelayCore,
  type Session,
  type Store,
} from '@sotto/relay';
import type { RelayRequest } from '@sotto/sdk/testing';

import type { Process } from '../core/process.js';
import type { Random } from '../core/random.js';
import { answer } from './routes.js';
import { simulatedVerifier } from './tokens.js';

/** As `ops/upkeep.ts` has them. */
const HEAL_MS = 15_000;
const SWEEP_MS = 10 * 60_000;

/** The node's end of a connection. */
export interface Line {
  emit<E extends DownEvent>(event: E, message: DownMessage<E>): void;
  /** The node hangs up. */
  close(): void;
  /** Refused before there was a session. */
  refuse(reason: ErrorBody): void;
  readonly isOpen: boolean;
}

interface NodeParts {
  readonly process: Process;
  readonly store: Store;
  readonly bus: Bus;
  readonly random: Random;
  /** Envelopes that a mailbox holds. */
  readonly quota: number;
  /** Failures that no weather explains. */
  readonly onFault: (error: unknown) => void;
}

/** One process of the relay: the real core. When it dies, everything that it had not committed is gone. */
export class RelayNode {
  readonly process: Process;
  readonly #core: RelayCore;
  readonly #parts: NodeParts;

  static async start(parts: NodeParts): Promise<RelayNode> {
    const clock = parts.process.clock();
    const core = await createRelayCore({
      store: parts.store,
      bus: parts.bus,
      verifier: simulatedVerifier(() => clock.now()),
      clock,
      random: parts.random.bytes,
      quota: { envelopes: parts.quota, bytes: 64 * 1024 * 1024 },
      onError: (error) => {
        if (!isPassing(error)) parts.onFault(error);
      },
    });
    return new RelayNode(parts, core);
  }

  private constructor(parts: NodeParts, core: RelayCore) {
    this.process = parts.process;
    this.#parts = parts;
    this.#core = core;
    this.#every(HEAL_MS, () => core.heal());
    this.#every(SWEEP_MS, () => core.sweep());
  }

  /** Admits a client, or says why not. */
  async accept(hello: unknown, line: Line): Promise<Session | null> {
    try {
      const admission = await this.#core.admit(hello);
      return line.isOpen ? this.#core.open(admission, line) : null;
    } catch (error) {
      line.refuse(this.#toRefusal(error).body);
      return null;
    }
  }

  /** One HTTP request. @returns the body of the answer, or of the refusal */
  async request(request: RelayRequest): Promise<{ ok: true; body: unknown } | { ok: false; error: ErrorBody }> {
    try {
      return { ok: true, body: await answer(this.#core, request) };
    } catch (error) {
      return { ok: false, error: this.#toRefusal(error).body };
    }
  }

  #toRefusal(error: unknown): RelayError {
    if (error instanceof RelayError) return error;
    if (isPassing(error)) return new RelayError('unavailable');
    this.#parts.onFault(error);
    return new RelayError('internal');
  }

  #every(ms: number, task: () => Promise<unknown>): void {
    this.process.after(ms, 'upkeep', () => {
      task()
        .catch((error: unknown) => {
          if (!isPassing(error)) this.#parts.onFault(error);
        })
        .finally(() => this.#every(ms, task));
    });
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof StoreError && error.code !== 'failed';
}
