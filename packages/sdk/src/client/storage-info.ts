/** What the browser grants this origin; null where it does not tell. */
export interface StorageInfo {
  /** Whether the browser has promised not to delete it when space runs short. */
  readonly persisted: boolean | null;
  /** Bytes, the browser's estimate for the whole origin. */
  readonly usage: number | null;
  readonly quota: number | null;
}

/** Absent in Node, in insecure contexts and in old browsers. */
function manager(): StorageManager | undefined {
  return (globalThis as { navigator?: Partial<Navigator> }).navigator?.storage;
}

export async function storageInfo(): Promise<StorageInfo> {
  const storage = manager();
  const estimate = await storage?.estimate().catch(() => null);
  const persisted = await storage?.persisted().catch(() => null);
  return { persisted: persisted ?? null, usage: estimate?.usage ?? null, quota: estimate?.quota ?? null };
}

/**
 * Asks the browser to keep the keys when space runs short. To be called when a person has written something: then it is worth
 * keeping, and a browser that asks the person has a reason that they can see.
 */
export async function askToPersist(): Promise<void> {
  const storage = manager();
  if (!(await storage?.persisted())) await storage?.persist();
}
