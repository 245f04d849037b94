/**
 * How deep a content may nest. Databases and exports copy what is in it by recursion and give up at some depth, each at
 * its own: a content that can be read but not stored would stand in the mailbox's way for ever.
 */
const MAX_DEPTH = 64;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPENS: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSES: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** Whether no list or object of a JSON text lies deeper than {@link MAX_DEPTH}. Of what is no JSON it may say anything. */
export function isShallow(json: string): boolean {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === QUOTE) quoted = !quoted;
    else if (quoted && code === BACKSLASH) i++;
    else if (!quoted && OPENS.has(code) && ++depth > MAX_DEPTH) return false;
    else if (!quoted && CLOSES.has(code)) depth--;
  }
  return true;
}
