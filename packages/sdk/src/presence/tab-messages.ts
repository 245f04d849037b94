import * as s from '@sotto/protocol/schema';

/** Conversations that are on screen at once, in all tabs together: as many as a relay serves topics to one socket. */
export const MAX_WATCHED = 50;

/** A tab says again what is on its screen this often; an engine believes it for somewhat longer than two of these. */
export const WATCH_EVERY_MS = 15_000;
export const WATCH_LEASE_MS = 40_000;

const users = s.array(s.string().check(s.maxLength(255))).check(s.maxLength(MAX_WATCHED));

/** What tabs tell the engine. */
const toEngine = s.discriminatedUnion('type', [
  /** All that is on the screen of this tab: the others in direct conversations. Empty when it is hidden or goes. */
  s.object({ type: s.literal('watch'), tab: s.string(), users }),
  s.object({ type: s.literal('typing'), user: s.string(), on: s.boolean() }),
]);
export type ToEngine = s.Infer<typeof toEngine>;

/** What the engine tells tabs. */
const toTabs = s.discriminatedUnion('type', [
  /** A new engine: what is on your screen? */
  s.object({ type: s.literal('ask') }),
  s.object({
    type: s.literal('presence'),
    user: s.string(),
    online: s.boolean(),
    typing: s.boolean(),
    lastSeen: s.nullable(s.number()),
  }),
]);
export type ToTabs = s.Infer<typeof toTabs>;

export function parseToEngine(message: unknown): ToEngine | null {
  return s.safeParse(toEngine, message).data ?? null;
}

export function parseToTabs(message: unknown): ToTabs | null {
  return s.safeParse(toTabs, message).data ?? null;
}
