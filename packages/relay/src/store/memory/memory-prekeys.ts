import type { PreKeyCounts } from '@sotto/protocol';

import {
  PREKEY_KIND,
  spentDigest,
  unpackOneTime,
  unpackSigned,
  uploadedRecords,
  type PreKeyKind,
  type PreKeyRecord,
} from '../prekey-record.js';
import type { PreKeyUpload, StoredBundle } from '../store.js';

/** The prekeys of one device in memory. */
export class MemoryPreKeys {
  readonly #standing = new Map<PreKeyKind, PreKeyRecord>();
  #oneTime: PreKeyRecord[] = [];
  readonly #spent = new Set<string>();

  put(upload: PreKeyUpload): PreKeyCounts {
    const { standing, oneTime } = uploadedRecords(upload);
    for (const record of standing) this.#standing.set(record.kind, record);
    if (upload.replace) this.#oneTime = [];
    for (const record of oneTime) {
      const isThere = this.#oneTime.some(({ kind, id }) => kind === record.kind && id === record.id);
      if (!isThere && !this.#spent.has(nameOf(record))) this.#oneTime.push(record);
    }
    this.#oneTime.sort((a, b) => a.id - b.id);
    return this.counts();
  }

  take(oneTime: boolean): StoredBundle | null {
    const signed = this.#standing.get(PREKEY_KIND.signed);
    const lastResort = this.#standing.get(PREKEY_KIND.lastResort);
    if (!signed || !lastResort) return null;
    const key = oneTime ? this.#takeOne(PREKEY_KIND.oneTime) : undefined;
    const kem = oneTime ? this.#takeOne(PREKEY_KIND.kem) : undefined;
    return {
      signedPreKey: unpackSigned(signed),
      kemPreKey: unpackSigned(kem ?? lastResort),
      oneTimePreKey: key ? unpackOneTime(key) : null,
      left: this.counts(),
      took: key !== undefined || kem !== undefined,
    };
  }

  counts(): PreKeyCounts {
    const oneTime = this.#oneTime.filter(({ kind }) => kind === PREKEY_KIND.oneTime).length;
    return { oneTime, kem: this.#oneTime.length - oneTime };
  }

  #takeOne(wanted: PreKeyKind): PreKeyRecord | undefined {
    const index = this.#oneTime.findIndex(({ kind }) => kind === wanted);
    if (index < 0) return undefined;
    const [taken] = this.#oneTime.splice(index, 1);
    if (taken) this.#spent.add(nameOf(taken));
    return taken;
  }
}

function nameOf(record: PreKeyRecord): string {
  return Buffer.from(spentDigest(record)).toString('hex');
}
