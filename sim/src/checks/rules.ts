/** Rules that see inside: a person would notice nothing, or not yet. All others say what a person sees when all is quiet. */
const INSIDE = [
  'acknowledged-before-commit',
  'retry-with-other-bytes',
  'message-key-used-twice',
  'cursor-ahead-of-history',
  'stray-error',
];

export function seenByPeople(rule: string): boolean {
  return !INSIDE.includes(rule);
}
