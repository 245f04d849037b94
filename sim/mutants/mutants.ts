/** A known class of bug, put back. Every edit must fit exactly once: when the code has moved on, the mutant says so. */
export interface Mutant {
  readonly name: string;
  /** What it takes away. */
  readonly breaks: string;
  readonly edits: readonly Edit[];
}

interface Edit {
  /** From the repository's top. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const NO_EPOCH_CHECK: Edit = {
  file: 'packages/sdk/src/engine/context.ts',
  find: "if (row?.name !== 'epoch' || row.epoch !== context.epoch) throw",
  replace: "if (row?.name !== 'epoch') throw",
};

const NO_VERSION_CHECK: Edit = {
  file: 'packages/sdk/src/engine/session-store.ts',
  find: '?.version ?? 0) !== held.version) throw',
  replace: '?.version ?? 0) < 0) throw',
};

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'acknowledge-before-commit',
    breaks: 'the client acknowledges a batch before it has stored it',
    edits: [
      {
        file: 'packages/sdk/src/engine/connection.ts',
        find: 'const done = await this.#events.deliver(deliver, local);',
        replace: `const early = deliver.envelopes.at(-1);
    if (early) socket.ack({ seq: early.seq, id: early.id }).catch(() => undefined);
    const done = await this.#events.deliver(deliver, local);`,
      },
    ],
  },
  {
    name: 'relay-answers-before-commit',
    breaks: 'the relay tells the sender that a message is stored before it is',
    edits: [
      {
        file: 'packages/relay/src/mailbox/submit.ts',
        find: 'this.#batcher.push({ sender, route, message, digests }, done);',
        replace: `this.#batcher.push({ sender, route, message, digests }, () => undefined);
    done(route.targets.map(() => 'stored' as const));`,
      },
    ],
  },
  {
    name: 'ratchet-steps-on-retry',
    breaks: 'a retry encrypts again instead of sending the same bytes',
    edits: [
      {
        file: 'packages/sdk/src/engine/seal.ts',
        find: 'const current = before.payloads.filter((row) => targets.some((target) => isFor(row, target)));',
        replace: 'const current: SealedPayloadRow[] = [];',
      },
      {
        file: 'packages/sdk/src/engine/commit-sealing.ts',
        find: "await transaction.add('sealedPayloads', row);",
        replace: "await transaction.put('sealedPayloads', row);",
      },
      {
        file: 'packages/sdk/src/engine/seal.ts',
        find: 'before.payloads.filter((row) => !current.includes(row))',
        replace: 'before.payloads.filter((row) => !fresh.some((other) => isFor(row, other)))',
      },
    ],
  },
  {
    name: 'no-compare-and-set',
    breaks: 'vault commits check neither epoch nor version',
    edits: [NO_EPOCH_CHECK, NO_VERSION_CHECK],
  },
  {
    name: 'healed-is-read',
    breaks: 'a message that is sent again counts as read',
    edits: [
      {
        file: 'packages/sdk/src/engine/apply.ts',
        find: 'unread: mine ? 0 : 1,',
        replace: 'unread: mine || content.resend !== undefined ? 0 : 1,',
      },
    ],
  },
  {
    name: 'unheeded-read-mark',
    breaks: 'what was read on another device stays unread',
    edits: [
      {
        file: 'packages/sdk/src/content/kinds/read-mark.ts',
        find: 'change: () => ({ read: true }),',
        replace: 'change: () => ({}),',
      },
    ],
  },
  { name: 'no-epoch-check', breaks: 'vault commits check the sessions, not who leads', edits: [NO_EPOCH_CHECK] },
  { name: 'no-version-check', breaks: 'vault commits check who leads, not the sessions', edits: [NO_VERSION_CHECK] },
];
