/**
 * To whom `delivered` and `read` are told. `answered`: only people this user has written to, so that strangers learn
 * nothing.
 */
export type ReceiptPolicy = 'answered' | 'always' | 'never';

/** @param answered whether this user has written in the conversation */
export function tellsReceipts(policy: ReceiptPolicy, answered: boolean): boolean {
  return policy === 'always' || (policy === 'answered' && answered);
}
