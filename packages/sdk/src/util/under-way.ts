/** What has been begun and has not ended: for whoever must not act before the last of it has. */
export class UnderWay {
  readonly #jobs = new Set<Promise<unknown>>();

  /** @returns the job itself */
  track<V>(job: Promise<V>): Promise<V> {
    const drop = (): boolean => this.#jobs.delete(job);
    this.#jobs.add(job);
    void job.then(drop, drop);
    return job;
  }

  /** Resolves when nothing is under way any more. @returns whether anything was */
  async ended(): Promise<boolean> {
    const any = this.#jobs.size > 0;
    while (this.#jobs.size > 0) await Promise.allSettled(this.#jobs);
    return any;
  }
}
