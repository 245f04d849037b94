import type { AppId } from '@sotto/protocol';

/** An app as it is stored; `apps/app-record.ts` knows what the record says. */
export interface StoredApp {
  id: AppId;
  state: 'active' | 'suspended' | 'deleting';
  /** Milliseconds since the epoch: when the state began. */
  since: number;
  createdAt: number;
  /** JSON. */
  record: string;
}

/** What a decision about an app changes: `null` forgets the app, `undefined` leaves it as it is. */
export interface AppDecision<T> {
  write: StoredApp | null | undefined;
  result: T;
}

/** The apps that are made at run time. They are few and change seldom: nodes keep them all in memory. */
export interface AppStore {
  /** Another value after every change: nodes ask for it often, and read the list when it has changed. */
  revision(): Promise<string>;
  list(): Promise<StoredApp[]>;
  /** Reads an app under a lock, lets `decide` (pure, may throw to refuse) say what changes, and writes that with it. */
  update<T>(app: AppId, decide: (current: StoredApp | null) => AppDecision<T>): Promise<T>;
  /**
   * Removes users, devices, mailboxes and all that belongs to them: some thousand rows in one transaction, never more.
   *
   * @returns rows removed; 0 when nothing is left
   */
  purge(app: AppId): Promise<number>;
}
