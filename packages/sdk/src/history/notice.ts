/** What the person should know, with a sentence for people. Each is shown until dismissed. */
export const NOTICES = {
  expired:
    'Some messages waited too long at the relay and were deleted there. They have been asked for again; what its sender still has comes back.',
  'restored-device':
    'This device was restored from an older copy. Its keys have been replaced; what it received since that copy may be missing here.',
  'hidden-device-list':
    'The relay served an older list of somebody\u2019s devices than they use. New messages may not reach all of their devices until it stops.',
  'own-copy-unreadable':
    'Something that you did on another of your devices did not arrive here, or could not be read. It is asked for again where that can help; this notice goes by itself when all of it has come.',
} as const;

/** Stable; {@link NOTICES} has a sentence for each. */
export type NoticeCode = keyof typeof NOTICES;

/** Something that concerns this device as a whole. */
export interface Notice {
  readonly code: NoticeCode;
  /** When it happened last, milliseconds since the epoch. */
  readonly at: number;
  /** A sentence for people. */
  readonly text: string;
}
