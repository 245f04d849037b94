import * as z from 'zod/mini';

/** Conversations that are on screen at once, in all tabs together: as many as a relay serves topics to one socket. */
export const MAX_WATCHED = 50;

/** A tab says again what is on its screen this often; an engine believes it for somewhat longer than two of these. */
export const WATCH_EVERY_MS = 15_000;
export const WATCH_LEASE_MS = 40_000;

const users = z.array(z.string().check(z.maxLength(255))).check(z.maxLength(MAX_WATCHED));

/** What tabs tell the engine. */
const toEngine = z.discriminatedUnion('type', [
  /** All that is on the screen of this tab: the others in direct conversations. Empty when it is hidden or goes. */
  z.object({ type: z.literal('watch'), tab: z.string(), users }),
  z.object({ type: z.literal('typing'), user: z.string(), on: z.boolean() }),
]);
export type ToEngine = z.infer<typeof toEngine>;

/** What the engine tells tabs. */
const toTabs = z.discriminatedUnion('type', [
  /** A new engine: what is on your screen? */
  z.object({ type: z.literal('ask') }),
  z.object({
    type: z.literal('presence'),
    user: z.string(),
    online: z.boolean(),
    typing: z.boolean(),
    lastSeen: z.nullable(z.number()),
  }),
]);
export type ToTabs = z.infer<typeof toTabs>;

export function parseToEngine(message: unknown): ToEngine | null {
  return z.safeParse(toEngine, message).data ?? null;
}

export function parseToTabs(message: unknown): ToTabs | null {
  return z.safeParse(toTabs, message).data ?? null;
}
