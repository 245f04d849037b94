import { aciFromDigest, aciInput, DEV_APP, type Aci } from '@sotto/protocol';

export interface Person {
  /** The user name, as the demo's token says it. */
  readonly user: 'alice' | 'bob';
  readonly name: string;
  /** What the relay knows instead of the name. */
  readonly aci: Aci;
}

export async function person(user: Person['user'], name: string): Promise<Person> {
  const input = new Uint8Array(aciInput(DEV_APP, user));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', input));
  return { user, name, aci: aciFromDigest(digest) };
}
