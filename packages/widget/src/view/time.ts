import type { Strings } from '../strings.js';

interface Formats {
  readonly time: Intl.DateTimeFormat;
  readonly day: Intl.DateTimeFormat;
  readonly dayOfOtherYear: Intl.DateTimeFormat;
  readonly full: Intl.DateTimeFormat;
}

// Making an Intl formatter costs more than a thousand uses of it.
const formatsByLocale = new Map<string, Formats>();

function formatsOf(locale: string): Formats {
  const known = formatsByLocale.get(locale);
  if (known !== undefined) return known;
  const made: Formats = {
    time: new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' }),
    day: new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' }),
    dayOfOtherYear: new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'long', year: 'numeric' }),
    full: new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short' }),
  };
  formatsByLocale.set(locale, made);
  return made;
}

/** The locale of an element: the nearest `lang`, as CSS and assistive technology see it, else the browser's. */
export function localeOf(element: Element): string {
  const declared =
    element.closest('[lang]')?.getAttribute('lang') || document.documentElement.lang || navigator.language;
  try {
    return Intl.getCanonicalLocales(declared)[0] ?? navigator.language;
  } catch {
    return navigator.language;
  }
}

/** The start of the local calendar day, ms since the epoch. */
export function dayOf(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

export function timeText(at: number, locale: string): string {
  return isDate(at) ? formatsOf(locale).time.format(at) : '';
}

export function fullTimeText(at: number, locale: string): string {
  return isDate(at) ? formatsOf(locale).full.format(at) : '';
}

/** A time of today by the clock, of another day with that day. */
export function lastSeenText(at: number, now: number, locale: string, strings: Strings): string {
  const time = timeText(at, locale);
  return dayOf(at) === dayOf(now) ? time : `${dayText(dayOf(at), dayOf(now), locale, strings)}, ${time}`;
}

/** For `<time datetime>`. */
export function isoTime(at: number): string {
  return isDate(at) ? new Date(at).toISOString() : '';
}

/** A sender may claim any number, also one that is no date, at which Intl would throw. */
function isDate(at: number): boolean {
  return !Number.isNaN(new Date(at).getTime());
}

/**
 * @param day start of the day to name, ms since the epoch
 * @param today start of the current day, ms since the epoch
 */
export function dayText(day: number, today: number, locale: string, strings: Strings): string {
  if (day === today) return strings.today;
  const yesterday = new Date(today);
  // Through the calendar, not by 24 h: days with a clock change are longer or shorter.
  if (day === yesterday.setDate(yesterday.getDate() - 1)) return strings.yesterday;
  const sameYear = new Date(day).getFullYear() === new Date(today).getFullYear();
  const formats = formatsOf(locale);
  return (sameYear ? formats.day : formats.dayOfOtherYear).format(day);
}
