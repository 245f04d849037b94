import type { FakeRelay } from './fake-relay.js';
import { link } from './link.js';
import { aliceAndBob, Person } from './person.js';

/** Alice has a phone and a laptop, and Bob is there. */
export async function aliceWithTwo(): Promise<{ relay: FakeRelay; phone: Person; laptop: Person; bob: Person }> {
  const { relay, alice: phone, bob } = await aliceAndBob();
  const laptop = await new Person('alice', relay).wake();
  await link(phone, laptop);
  return { relay, phone, laptop, bob };
}

/** Bob has written to Alice before her laptop was linked, and once more since. */
export async function linkedMeanwhile(): Promise<{ phone: Person; laptop: Person; bob: Person }> {
  const { relay, alice: phone, bob } = await aliceAndBob();
  await bob.say(phone, 'before');
  await phone.texts(bob, 1);
  const laptop = await new Person('alice', relay).wake();
  await link(phone, laptop);
  await bob.say(phone, 'after');
  return { phone, laptop, bob };
}
