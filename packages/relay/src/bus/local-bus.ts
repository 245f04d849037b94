import type { Bus, BusListener } from './bus.js';

/** The bus of a single node: calls the listeners in this process, never inside `publish`. */
export function localBus(): Bus {
  const channels = new Map<string, Set<BusListener>>();
  return {
    publish(mailbox, message) {
      queueMicrotask(() => {
        for (const listener of channels.get(mailbox) ?? []) listener(message);
      });
    },
    subscribe(mailbox, listener) {
      const listeners = channels.get(mailbox) ?? new Set();
      channels.set(mailbox, listeners.add(listener));
      return Promise.resolve(() => {
        listeners.delete(listener);
        if (listeners.size === 0 && channels.get(mailbox) === listeners) channels.delete(mailbox);
      });
    },
    onGap: () => undefined,
    check: () => Promise.resolve(),
    close: () => {
      channels.clear();
      return Promise.resolve();
    },
  };
}
