import type { Aci } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

import type { MessageStatus } from '../history/message-state.js';

/** Who says it, proved by the session and the header. */
export interface Origin {
  readonly user: Aci;
  readonly device: number;
  readonly registration: number;
  /** The user of this device. */
  readonly self: Aci;
  /** The other user of the conversation. */
  readonly peer: Aci;
  /** The content's own id and place. */
  readonly id: string;
  readonly hlc: number;
}

/** A message that an effect is about: its author and its id. */
export interface MessageRef {
  readonly user: Aci;
  readonly id: string;
}

/** What an effect may know of the message that it is about. */
export interface MessageFacts extends MessageRef {
  readonly mine: boolean;
  readonly status: MessageStatus | null;
  /** Name of the message's kind. */
  readonly type: string;
  readonly data: object;
  /** What this kind of effect has noted on the message before; undefined at first. */
  readonly note: unknown;
}

/** What an effect may change of it; what is absent stays. Place, author and id are not to be had. */
export interface MessageChange {
  readonly status?: MessageStatus;
  /** The person has read it. */
  readonly read?: true;
  readonly data?: object;
  /** Plain data, kept with the message under the kind's name: bounded by the kind. */
  readonly note?: unknown;
}

/** One message's share of an effect: kept until the message comes, should it not be there yet. */
export interface Share {
  readonly of: MessageRef;
  /** Plain data, small. */
  readonly part: object;
}

/** The person's word on one identity key of a user. */
export interface IdentityMark {
  readonly user: Aci;
  /** 33 bytes, base64url. */
  readonly identityKey: string;
  readonly verified: boolean;
  /** Milliseconds since the epoch; the latest word counts. */
  readonly at: number;
}

/** What a user calls themselves. */
export interface ProfileWord {
  readonly user: Aci;
  /** As it came; null: taken back. */
  readonly name: string | null;
  /** Milliseconds since the epoch; the latest word counts. */
  readonly at: number;
}

/** History as an effect may change it: the conversation that the content belongs to, and nothing else. */
export interface HistoryEditor {
  /** What the origin's device is called, for this user's list of devices. */
  nameDevice(name: string): Promise<void>;
  /** What the person has said, on another of this user's devices, of somebody's identity key. */
  markIdentity(mark: IdentityMark): Promise<void>;
  /** What somebody calls themselves. */
  noteProfile(word: ProfileWord): Promise<void>;
}

/** Outbox rows of one kind that may leave as one content. */
export interface Merging<B extends object> {
  /** Rows of one conversation and recipient with the same key are merged. */
  key(body: B): string;
  /** Milliseconds that a row waits for others at most; 0: only while a backlog comes in. */
  readonly gatherMs: number;
  /** Most rows in one content. */
  readonly most: number;
  join(bodies: readonly B[]): B;
}

/**
 * One kind of content: everything that engine, history and front need to know of it. A new kind is a file in `kinds/` and
 * a line in `kinds.ts`.
 */
export interface ContentKind<B extends object = object> {
  /** Lower-case letters, digits and `-`, at most 32. */
  readonly name: string;
  /** Loose: unknown fields are kept. Everything bounded. */
  readonly schema: s.Schema<B>;
  /** `message`: a row that people see. `effect`: changes what is there. */
  readonly shows: 'message' | 'effect';
  readonly to: { readonly peer: boolean; readonly ownDevices: boolean };
  /** Whether `delivered` and `read` are told of it (messages only). */
  readonly receipted: boolean;
  /** Whether it is sent again to a device that could not read it. */
  readonly resent: boolean;
  /** One line for the list of conversations; null: the list does not show it. */
  summary(body: B): string | null;
  /** What a version that does not know the kind shows. */
  fallback?(body: B): string;
  readonly merging?: Merging<B>;
  /** Effects on single messages: the shares, and what each does. Both pure; applied in any order, or twice, the same. */
  shares?(body: B, origin: Origin): readonly Share[];
  change?(message: MessageFacts, part: object, origin: Origin): MessageChange | null;
  /** Effects on the conversation as a whole. */
  apply?(history: HistoryEditor, body: B, origin: Origin): Promise<void>;
}

/** What a parsed body is, or that this version does not know. `null`: a known kind with a body that is not its. */
export type ParsedBody = { readonly kind: ContentKind; readonly body: object } | 'unknown' | null;

/** The kinds that this version knows. */
export class Kinds {
  readonly #byName: ReadonlyMap<string, ContentKind>;

  constructor(kinds: readonly ContentKind[]) {
    this.#byName = new Map(kinds.map((kind) => [kind.name, kind]));
  }

  get all(): Iterable<ContentKind> {
    return this.#byName.values();
  }

  get(name: string): ContentKind | undefined {
    return this.#byName.get(name);
  }

  parse(name: string, body: unknown): ParsedBody {
    const kind = this.#byName.get(name);
    if (!kind) return 'unknown';
    const parsed = s.safeParse(kind.schema, body);
    return parsed.success ? { kind, body: parsed.data } : null;
  }
}
