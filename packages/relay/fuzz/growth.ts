/** What medians may differ by: requests under way, counts of the last minute, apps that are being deleted. */
const MAX_MIB = 40;

export interface GrowthReport {
  /** In use after a collection, MiB, in the order of the measures. */
  live: number[];
  /** From the baseline, MiB. */
  grown: number;
  /** Says that it is too much; null when it is not. */
  complaint: string | null;
}

/**
 * Whether memory grows: the median of a run's last third is held against that of its second sixth. What comes before is the
 * warm-up; what is only high now and then does not show in a median.
 */
export class Growth {
  readonly #measures: number[] = [];

  note(bytes: number): void {
    this.#measures.push(bytes / 1024 / 1024);
  }

  report(): GrowthReport {
    const at = (share: number) => Math.floor(this.#measures.length * share);
    const [baseline, end] = [this.#median(at(1 / 6), at(1 / 3)), this.#median(at(2 / 3), this.#measures.length)];
    const grown = Math.round(end - baseline);
    const complaint = grown > MAX_MIB ? `memory has grown by ${grown} MiB` : null;
    return { live: this.#measures.map((each) => Math.round(each)), grown, complaint };
  }

  #median(from: number, to: number): number {
    const sorted = this.#measures.slice(from, to).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] ?? 0;
  }
}
