/**
 * What follows when a contact's identity key is another one than before. `inform`: it is shown. `block`: nothing more is sent
 * to that contact until the person accepts. A contact who was verified always blocks: the person has said which key they
 * mean, and writing to another one by itself would make that word worthless.
 */
export type IdentityPolicy = 'inform' | 'block';

export function holdsSending(policy: IdentityPolicy, wasVerified: boolean): boolean {
  return policy === 'block' || wasVerified;
}
