import type { ExpiringDevice } from '@sotto/protocol';

import { backoff } from '../util/backoff.js';
import { randomFraction } from '../util/random.js';
import type { EngineContext } from './context.js';
import type { LocalDevice } from './local-device.js';
import type { OwnDevices } from './own-devices.js';

/** Looks at this user's devices until it has worked: who is not in the list of devices cannot be removed. */
export class DeviceSync {
  #cancel: () => void = () => undefined;
  readonly #context: EngineContext;
  readonly #devices: OwnDevices;
  readonly #isWanted: () => boolean;
  readonly #failed: (error: unknown) => void;

  /**
   * @param isWanted whether what has failed is to be tried again
   * @param failed told of every failure
   */
  constructor(context: EngineContext, devices: OwnDevices, isWanted: () => boolean, failed: (error: unknown) => void) {
    this.#context = context;
    this.#devices = devices;
    this.#isWanted = isWanted;
    this.#failed = failed;
  }

  /** A later look takes the place of an earlier one. */
  begin(local: LocalDevice, expiring: readonly ExpiringDevice[] | null, failures = 0): void {
    this.end();
    const retry = (): void => this.begin(local, expiring, failures + 1);
    const ms = backoff(failures, randomFraction(this.#context.random));
    this.#context.underWay.track(this.#devices.sync(local, expiring)).then(
      () => this.end(),
      (error: unknown) => {
        this.#failed(error);
        this.end();
        if (this.#isWanted()) this.#cancel = this.#context.clock.after(ms, retry);
      },
    );
  }

  /** No further try. */
  end(): void {
    this.#cancel();
  }
}
