import type { Bus, BusListener } from './bus.js';

/** The bus of a single node: calls the listeners in this process, never inside `publish`. */
export function localBus(): Bus {
  const channels = new Map<string, Set<BusListener>>();
  return {
    publish(channel, message) {
      queueMicrotask(() => {
        for (const listener of channels.get(channel) ?? []) listener(message);
      });
    },
    subscribe(channel, listener) {
      const listeners = channels.get(channel) ?? new Set();
      channels.set(channel, listeners.add(listener));
      return Promise.resolve(() => {
        listeners.delete(listener);
        if (listeners.size === 0 && channels.get(channel) === listeners) channels.delete(channel);
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
