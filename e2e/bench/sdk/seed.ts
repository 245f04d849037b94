import type { Page } from 'playwright';

/**
 * Fills a page's history database with rows as the SDK writes them. The page must have been opened before (then the database
 * exists), and is to be reloaded after.
 *
 * @param own the open conversation gets this many messages
 * @param others as many other conversations, of `each` messages
 */
export async function seedHistory(page: Page, own: number, others: number, each: number): Promise<void> {
  await page.evaluate(
    async ([own, others, each]) => {
      const name = (await indexedDB.databases()).map((one) => one.name ?? '').find((one) => one.endsWith('-history'));
      if (name === undefined) throw new Error('no history');
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.onsuccess = () => resolve(opening.result);
        opening.onerror = () => reject(opening.error ?? new Error('not opened'));
      });
      const transact = (fill: (stores: IDBTransaction) => void): Promise<void> =>
        new Promise((resolve, reject) => {
          const transaction = database.transaction(['conversations', 'messages'], 'readwrite');
          transaction.oncomplete = () => resolve();
          transaction.onabort = () => reject(transaction.error ?? new Error('aborted'));
          fill(transaction);
        });
      // The conversation that the page has opened, if it has written in it.
      const [known] = await new Promise<Record<string, unknown>[]>((resolve) => {
        const all = database.transaction('conversations').objectStore('conversations').getAll();
        all.onsuccess = () => resolve(all.result as Record<string, unknown>[]);
      });
      const start = Date.now() - 400 * 24 * 3_600_000;
      const word = 'the quick brown fox jumps over the lazy dog ';
      const put = (stores: IDBTransaction, conversation: string, user: string, n: number): void => {
        const id = n.toString(36).padStart(22, '0');
        const text = `${n} ${word.repeat(1 + (n % 4))}`;
        stores.objectStore('messages').put({
          conversation,
          user,
          id,
          device: 1,
          hlc: start + n * 300_000,
          at: start + n * 300_000,
          unread: 0,
          status: null,
          failure: null,
          counter: n,
          body: { kind: 'content', type: 'text', data: { text }, fallback: null, raw: JSON.stringify({ id, text }) },
          notes: {},
        });
      };
      if (known) {
        const { id, peerAci } = known as { id: string; peerAci: string };
        for (let from = 0; from < own; from += 5_000) {
          await transact((stores) => {
            for (let n = from; n < Math.min(own, from + 5_000); n++) put(stores, id, peerAci, n);
          });
        }
      }
      for (let from = 0; from < others; from += 500) {
        await transact((stores) => {
          for (let c = from; c < Math.min(others, from + 500); c++) {
            const id = `seed${c}`.padEnd(22, '0');
            for (let n = 0; n < each; n++) put(stores, id, 'peer', c + n * 7);
            const activity = start + (c + (each - 1) * 7) * 300_000;
            stores
              .objectStore('conversations')
              .put({ id, peer: `contact ${c}`, peerAci: `aci ${c}`, answered: 1, profileAt: 0, activity });
          }
        });
      }
      database.close();
    },
    [own, others, each] as const,
  );
}
