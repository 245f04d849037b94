import { toBase64Url, type Aci } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import type { Presence } from '../presence/screen.js';
import type { RandomBytes } from '../util/random.js';
import type { TopicContent } from './topic-secret.js';

/** A device says that it is here this often. */
export const BEAT_MS = 20_000;
/** No device is taken to be here for longer than this after it has proved it. Three beats: one may be lost. */
export const TIMEOUT_MS = 60_000;
/** Two beats on one topic are at least this far apart. */
export const MIN_GAP_MS = 1_000;
/** Typing ends when it has not been said again for this long: a tab repeats it every 3 s. */
const TYPING_MS = 6_000;
/** How long a device whose subscription has ended, says the relay, has to say otherwise. */
const DOUBT_MS = 5_000;
/** Devices of a user, as many as a relay allots. */
const MAX_DEVICES = 10;
/** Own challenges that an answer may still name. */
const CHALLENGES = 8;
const CHALLENGE_BYTES = 8;

const challenge = s.string().check(s.maxLength(16));

/**
 * A beat. `challenge` is new with each; `heard` names, by device, the last challenge that the sender has heard: that the sender
 * is here is believed only if it names one of ours, and counts from when we published that. So nobody can show an old beat as a
 * new one, whatever the clocks say.
 */
const beatBody = s.looseObject({
  state: s.oneOf(['here', 'typing', 'gone']),
  challenge,
  heard: s.record(s.string().check(s.maxLength(3)), challenge).check(s.refine((map) => Object.keys(map).length <= 16)),
  /** Please beat now. */
  ask: s.optional(s.boolean()),
});
export type Beat = s.Infer<typeof beatBody>;

interface Device {
  readonly tag: string;
  /** Its last challenge, for our next beat to name. */
  readonly challenge: string;
  /** Whether a beat of ours has named one of its challenges. */
  readonly answered: boolean;
  /** Ticks in ms. `knownUntil`: when it is forgotten; `hereUntil`: until when it has proved to be here. */
  readonly knownUntil: number;
  readonly hereUntil: number;
  readonly typingUntil: number;
  readonly doubted: { readonly since: number; readonly until: number } | null;
}

/** The other user of a conversation on screen: which of their devices are here. Times are ticks, in ms. */
export class WatchedPeer {
  /** Own typing, until. */
  typingUntil = 0;
  /** When the next beat is due. */
  nextBeatAt = 0;
  lastBeatAt = -Infinity;
  /** Milliseconds since the epoch. */
  lastSeen: number | null = null;
  #ask = false;
  #challenges: { readonly text: string; readonly at: number }[] = [];
  readonly #devices = new Map<number, Device>();

  constructor(
    readonly user: Aci,
    readonly name: string,
  ) {}

  presence(now: number): Presence {
    const devices = [...this.#devices.values()];
    const online = devices.some(({ hereUntil }) => hereUntil > now);
    const typing = devices.some((one) => one.hereUntil > now && one.typingUntil > now);
    return { online, typing, lastSeen: this.lastSeen };
  }

  /** Something to say: as soon as the gap allows. */
  soon(now: number): void {
    this.nextBeatAt = Math.min(this.nextBeatAt, Math.max(now, this.lastBeatAt + MIN_GAP_MS));
  }

  /** A beat of our own, to be published now. */
  beat(now: number, random: RandomBytes, gone = false): Beat {
    const text = toBase64Url(random(CHALLENGE_BYTES));
    this.#challenges = [...this.#challenges, { text, at: now }].slice(-CHALLENGES);
    const heard: Record<string, string> = {};
    for (const [id, device] of this.#devices) {
      heard[id] = device.challenge;
      this.#devices.set(id, { ...device, answered: true });
    }
    this.lastBeatAt = now;
    this.nextBeatAt = now + BEAT_MS;
    const state = gone ? 'gone' : this.typingUntil > now ? 'typing' : 'here';
    const beat = { state, challenge: text, heard, ...(this.#ask && { ask: true }) } as const;
    this.#ask = false;
    return beat;
  }

  /**
   * A beat of one of their devices.
   *
   * @param self this device's number, under which it names our challenges
   * @param time milliseconds since the epoch
   */
  hear({ device: id, tag, body }: TopicContent, self: number, now: number, time: number): void {
    const parsed = s.safeParse(beatBody, body);
    if (!parsed.success) return;
    const beat = parsed.data;
    if (beat.state === 'gone') {
      this.#devices.delete(id);
      return;
    }
    const before = this.#devices.get(id);
    if (!before && this.#devices.size >= MAX_DEVICES) return;
    const provedAt = this.#challenges.find(({ text }) => text === beat.heard[self])?.at ?? -Infinity;
    const hereUntil = Math.max(before?.hereUntil ?? 0, provedAt + TIMEOUT_MS);
    const proved = provedAt + TIMEOUT_MS > now;
    if (proved) this.lastSeen = time;
    const doubted = before?.doubted ?? null;
    this.#devices.set(id, {
      tag,
      challenge: beat.challenge,
      answered: before?.answered ?? false,
      knownUntil: now + TIMEOUT_MS,
      hereUntil,
      typingUntil: beat.state === 'typing' ? now + TYPING_MS : 0,
      // Only what was said since then speaks against the doubt.
      doubted: doubted && proved && provedAt >= doubted.since ? null : doubted,
    });
    if (!before?.answered || beat.ask === true) this.soon(now);
  }

  /** The relay says that this subscription has ended: believed unless the device says otherwise soon. */
  doubt(tag: string, now: number): void {
    for (const [id, device] of this.#devices) {
      if (device.tag !== tag || device.doubted !== null) continue;
      this.#devices.set(id, { ...device, doubted: { since: now, until: now + DOUBT_MS } });
      this.#ask = true;
      this.soon(now);
    }
  }

  /** Forgets what is over; the next time at which something changes by itself. */
  expire(now: number): number {
    let next = this.nextBeatAt;
    for (const [id, device] of this.#devices) {
      const doubted = device.doubted !== null && device.doubted.until <= now;
      if (device.knownUntil <= now || doubted) {
        this.#devices.delete(id);
        continue;
      }
      const times = [device.knownUntil, device.hereUntil, device.typingUntil, device.doubted?.until ?? Infinity];
      next = Math.min(next, ...times.filter((time) => time > now));
    }
    return this.typingUntil > now ? Math.min(next, this.typingUntil) : next;
  }
}
