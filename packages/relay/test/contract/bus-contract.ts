import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Bus } from '../../src/bus/bus.js';
import type { MailboxId } from '../../src/mailbox/mailbox-id.js';

/** What every bus must do. `open` is called twice: two nodes (the in-process bus yields the same one). */
export function busContract(name: string, open: () => Promise<Bus>): void {
  describe(name, () => {
    let [near, far]: [Bus | undefined, Bus | undefined] = [undefined, undefined];
    let count = 0;

    beforeAll(async () => {
      [near, far] = [await open(), await open()];
    });

    afterAll(async () => {
      await Promise.all([near?.close(), far?.close()]);
    });

    function nodes(): { near: Bus; far: Bus } {
      if (!near || !far) throw new Error('the buses are open');
      return { near, far };
    }

    const newMailbox = () => `${name}-${++count}` as MailboxId;

    /** Collects messages; `until` resolves when so many came. */
    function collector() {
      const messages: string[] = [];
      let check: () => void = () => undefined;
      return {
        messages,
        listener: (message: Uint8Array) => {
          messages.push(Buffer.from(message).toString('latin1'));
          check();
        },
        until: (size: number) =>
          new Promise<string[]>((resolve) => {
            check = () => {
              if (messages.length >= size) resolve(messages);
            };
            check();
          }),
      };
    }

    const publish = (bus: Bus, mailbox: MailboxId, text: string) => {
      bus.publish(mailbox, Buffer.from(text, 'latin1'));
    };

    test('a message reaches the listeners of its mailbox on every node, byte for byte', async () => {
      const { near, far } = nodes();
      const mailbox = newMailbox();
      const [one, two, other] = [collector(), collector(), collector()];
      await near.subscribe(mailbox, one.listener);
      await far.subscribe(mailbox, two.listener);
      await near.subscribe(newMailbox(), other.listener);
      const text = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');
      publish(near, mailbox, text);
      publish(far, mailbox, 'second');
      for (const { until } of [one, two]) expect((await until(2)).sort()).toEqual([text, 'second'].sort());
      expect(other.messages).toEqual([]);
    });

    test('several listeners of one mailbox leave one by one', async () => {
      const { near, far } = nodes();
      const mailbox = newMailbox();
      const [one, two] = [collector(), collector()];
      const leave = await near.subscribe(mailbox, one.listener);
      await near.subscribe(mailbox, two.listener);
      publish(far, mailbox, 'both');
      await Promise.all([one.until(1), two.until(1)]);
      leave();
      leave();
      publish(far, mailbox, 'one');
      await two.until(2);
      expect(one.messages).toEqual(['both']);
    });

    test('a mailbox can be left and joined again', async () => {
      const { near, far } = nodes();
      const mailbox = newMailbox();
      const [before, after] = [collector(), collector()];
      (await near.subscribe(mailbox, before.listener))();
      await near.subscribe(mailbox, after.listener);
      publish(far, mailbox, 'hello');
      expect(await after.until(1)).toEqual(['hello']);
      expect(before.messages).toEqual([]);
    });

    test('a message for nobody is lost, a healthy bus says so', async () => {
      const { near } = nodes();
      publish(near, newMailbox(), 'nobody');
      await near.check();
    });

    test('a thousand mailboxes', async () => {
      const { near, far } = nodes();
      const all = await Promise.all(
        Array.from({ length: 1000 }, async () => {
          const mailbox = newMailbox();
          const each = collector();
          await near.subscribe(mailbox, each.listener);
          return { mailbox, ...each };
        }),
      );
      for (const { mailbox } of all) publish(far, mailbox, mailbox);
      for (const { mailbox, until } of all) expect(await until(1)).toEqual([mailbox]);
    });
  });
}
