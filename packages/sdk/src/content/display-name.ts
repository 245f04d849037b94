/** Characters of a display name, as people count them: code points. */
export const MAX_DISPLAY_NAME = 64;

/**
 * What could make a name look like another, or like none: control and format characters (text direction, zero width, tags), line
 * breaks, half and private characters, and letters that have no shape. Joiners stay: Persian, Hindi and emoji need them.
 */
const INVISIBLE =
  /(?!\u{200c}|\u{200d})[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\u{115f}\u{1160}\u{3164}\u{ffa0}\u{2800}]/gu;

/** More marks than any language stacks on one letter reach into the lines above and below. */
const STACKED = /(\p{M}{4})\p{M}+/gu;

const SOMETHING = /[\p{L}\p{N}\p{P}\p{S}]/u;

/**
 * A name as it is shown, whatever it was: one line, in one direction, at most {@link MAX_DISPLAY_NAME} characters.
 *
 * @returns null if nothing is left that can be seen
 */
export function displayName(name: string): string | null {
  const spaced = name
    .normalize('NFC')
    .replace(/\s+/gu, ' ')
    .replace(INVISIBLE, '')
    .replace(/ +/g, ' ')
    .replace(STACKED, '$1');
  const shown = Array.from(spaced.trim()).slice(0, MAX_DISPLAY_NAME).join('').trim();
  return SOMETHING.test(shown) ? shown : null;
}
