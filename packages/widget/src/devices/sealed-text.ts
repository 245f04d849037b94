/**
 * Longest sealed text that is looked at, in characters: a bundle holds at most 5,000 contacts of some 130 bytes each, and
 * base64 adds a third.
 */
const MAX_SEALED_TEXT = 1_500_000;

/** What `exportDevice` gives, as text to be copied: base64url without padding (RFC 4648 §5). */
export function toSealedText(sealed: Uint8Array): string {
  let binary = '';
  for (const byte of sealed) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** Messengers and mail break long lines, so white space means nothing. @returns null if this is no sealed text */
export function fromSealedText(text: string): Uint8Array | null {
  if (text.length > MAX_SEALED_TEXT) return null;
  const base64 = text.replace(/\s/g, '').replaceAll('-', '+').replaceAll('_', '/');
  if (base64 === '') return null;
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
}
