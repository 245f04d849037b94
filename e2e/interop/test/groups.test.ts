import {
  createDistributionMessage,
  deserializeSenderKeyRecord,
  emptySenderKeyRecord,
  finishGroupMessage,
  groupDecrypt,
  groupEncrypt,
  groupSignatureOf,
  prepareGroupMessage,
  processDistributionMessage,
  type ProtocolAddress,
  type SenderKeyRecord,
  serializeSenderKeyRecord,
  SignatureVerdict,
  webCryptoEd25519,
} from '@sotto/crypto';
import { describe, expect, test } from 'vitest';
import { addressKey } from '../src/endpoint.js';
import { OfficialEndpoint } from '../src/official.js';
import { buffer } from '../src/official-stores.js';
import { seededChance, systemRandom } from '../src/random.js';

const DISTRIBUTION_ID = 'd1d1d1d1-7000-11eb-b32a-33b8a8a487a6';

/** A member of a group, on either library. Records are stored as bytes. */
interface Member {
  readonly address: ProtocolAddress;
  /** A distribution message for new members. @param fresh a new chain, which those who left cannot read */
  invite(fresh?: boolean): Promise<Uint8Array>;
  accept(sender: Member, message: Uint8Array): Promise<void>;
  say(text: string): Promise<Uint8Array>;
  read(sender: Member, message: Uint8Array): Promise<string>;
}

class OurMember implements Member {
  readonly address: ProtocolAddress;
  readonly #records = new Map<string, Uint8Array>();

  constructor(name: string) {
    this.address = { name, deviceId: 1 };
  }

  record(sender: Member): SenderKeyRecord {
    const stored = this.#records.get(addressKey(sender.address));
    return stored === undefined ? emptySenderKeyRecord : deserializeSenderKeyRecord(stored);
  }

  save(sender: Member, record: SenderKeyRecord): void {
    this.#records.set(addressKey(sender.address), serializeSenderKeyRecord(record));
  }

  async invite(fresh = false): Promise<Uint8Array> {
    const current = fresh ? emptySenderKeyRecord : this.record(this);
    const input = { record: current, distributionId: DISTRIBUTION_ID, random: systemRandom };
    const { record, message } = createDistributionMessage(input);
    this.save(this, record);
    return message;
  }

  async accept(sender: Member, message: Uint8Array): Promise<void> {
    this.save(sender, processDistributionMessage({ record: this.record(sender), message }).record);
  }

  async say(text: string): Promise<Uint8Array> {
    const plaintext = new TextEncoder().encode(text);
    const input = { record: this.record(this), distributionId: DISTRIBUTION_ID, plaintext, random: systemRandom };
    const { record, message } = groupEncrypt(input);
    this.save(this, record);
    return message;
  }

  async read(sender: Member, message: Uint8Array): Promise<string> {
    const { record, plaintext } = groupDecrypt({ record: this.record(sender), message });
    this.save(sender, record);
    return new TextDecoder().decode(plaintext);
  }
}

/** The same member with signatures made and judged by WebCrypto. */
class OurFastMember extends OurMember {
  override async say(text: string): Promise<Uint8Array> {
    const webCrypto = await ed25519();
    const plaintext = new TextEncoder().encode(text);
    const prepared = prepareGroupMessage({ record: this.record(this), distributionId: DISTRIBUTION_ID, plaintext });
    if (prepared.signing.ed25519 === null) throw new Error('our keys have seeds');
    const signature = await webCrypto.sign(prepared.signing.ed25519, prepared.unsigned);
    const { record, message } = finishGroupMessage(prepared, signature);
    this.save(this, record);
    return message;
  }

  override async read(sender: Member, message: Uint8Array): Promise<string> {
    const { verify } = await ed25519();
    const { publicKey, message: signed, signature } = groupSignatureOf(this.record(sender), message);
    const verdict = await SignatureVerdict.with(publicKey, signed, signature, verify);
    const { record, plaintext } = groupDecrypt({ record: this.record(sender), message, verdicts: [verdict] });
    this.save(sender, record);
    return new TextDecoder().decode(plaintext);
  }
}

async function ed25519() {
  const found = await webCryptoEd25519();
  if (found === null) throw new Error('no Ed25519 here');
  return found;
}

class OfficialMember implements Member {
  readonly address: ProtocolAddress;
  readonly #endpoint: OfficialEndpoint;

  constructor(name: string) {
    this.address = { name, deviceId: 1 };
    this.#endpoint = new OfficialEndpoint('0.103.0', this.address);
  }

  async invite(fresh = false): Promise<Uint8Array> {
    const { signal: S, stores } = this.#endpoint;
    if (fresh) stores.senderKeys.records.delete(`${addressKey(this.address)}/${DISTRIBUTION_ID}`);
    const local = this.#endpoint.protocolAddress(this.address);
    const message = await S.SenderKeyDistributionMessage.create(local, DISTRIBUTION_ID, stores.senderKeys);
    return Uint8Array.from(message.serialize());
  }

  async accept(sender: Member, message: Uint8Array): Promise<void> {
    const { signal: S, stores } = this.#endpoint;
    const remote = this.#endpoint.protocolAddress(sender.address);
    const parsed = S.SenderKeyDistributionMessage.deserialize(buffer(message));
    await S.processSenderKeyDistributionMessage(remote, parsed, stores.senderKeys);
  }

  async say(text: string): Promise<Uint8Array> {
    const { signal: S, stores } = this.#endpoint;
    const local = this.#endpoint.protocolAddress(this.address);
    const message = await S.groupEncrypt(local, DISTRIBUTION_ID, stores.senderKeys, Buffer.from(text));
    return Uint8Array.from(message.serialize());
  }

  async read(sender: Member, message: Uint8Array): Promise<string> {
    const { signal: S, stores } = this.#endpoint;
    const remote = this.#endpoint.protocolAddress(sender.address);
    return Buffer.from(await S.groupDecrypt(remote, stores.senderKeys, buffer(message))).toString();
  }
}

function assemble() {
  return {
    alice: new OurMember('9d0652a3-dcc3-4d11-975f-74d61598733f'),
    bob: new OfficialMember('796abedb-ca4e-4f18-8803-1fde5b921f9f'),
    carol: new OurFastMember('e80f7bbe-5b94-471e-bd8c-2173654ea3d1'),
    dave: new OfficialMember('3f0f4734-e331-4434-bd4f-6d8f6ea6dcc7'),
  };
}

/** Hands `sender`'s chain to `readers`. */
async function invite(sender: Member, readers: readonly Member[], fresh = false): Promise<void> {
  const message = await sender.invite(fresh);
  for (const reader of readers) if (reader !== sender) await reader.accept(sender, message);
}

async function everyoneReads(sender: Member, readers: readonly Member[], text: string): Promise<Uint8Array> {
  const message = await sender.say(text);
  for (const reader of readers) if (reader !== sender) expect(await reader.read(sender, message)).toBe(text);
  return message;
}

describe('a group of both libraries', () => {
  test('members join and leave; each reads exactly what was said while it was in', async () => {
    const { alice, bob, carol, dave } = assemble();
    const founders = [alice, bob, carol];
    for (const member of founders) await invite(member, founders);
    const before: [Member, Uint8Array][] = [];
    for (const member of founders) before.push([member, await everyoneReads(member, founders, 'before Dave')]);

    const all = [...founders, dave];
    for (const member of all) await invite(member, all);
    for (const [sender, message] of before) await expect(dave.read(sender, message)).rejects.toThrow();
    for (const member of all) await everyoneReads(member, all, 'with Dave');

    const rest = [alice, carol, dave];
    for (const member of rest) await invite(member, rest, true);
    for (const member of rest) {
      const message = await everyoneReads(member, rest, 'without Bob');
      await expect(bob.read(member, message)).rejects.toThrow();
    }

    const ours = [carol, dave, bob];
    for (const member of ours) await invite(member, ours, true);
    for (const member of ours) {
      const message = await everyoneReads(member, ours, 'without Alice, Bob is back');
      await expect(alice.read(member, message)).rejects.toMatchObject({ code: 'session-not-found' });
    }
  });

  test('2,000 messages, a third lost, all reordered, some repeated', async () => {
    const { alice, bob, carol, dave } = assemble();
    const members = [alice, bob, carol, dave];
    for (const member of members) await invite(member, members);
    const chance = seededChance(4);
    let line: { sender: Member; reader: Member; text: string; message: Uint8Array }[] = [];
    let read = 0;
    for (let sent = 0; sent < 2000; sent++) {
      const sender = members[Math.floor(chance() * members.length)] ?? alice;
      const text = `message ${sent}`;
      const message = await sender.say(text);
      for (const reader of members) {
        if (reader !== sender && chance() < 0.66) line.push({ sender, reader, text, message });
      }
      if (line.length < 60) continue;
      line.sort(() => chance() - 0.5);
      for (const { sender: author, reader, text: expected, message: bytes } of line.splice(0, 50)) {
        expect(await reader.read(author, bytes)).toBe(expected);
        read++;
        if (chance() < 0.05) await expect(reader.read(author, bytes)).rejects.toThrow();
      }
    }
    for (const { sender, reader, text, message } of line) expect(await reader.read(sender, message)).toBe(text);
    expect(read).toBeGreaterThan(3500);
    line = [];
  });
});
