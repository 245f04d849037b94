import type { Outcome } from '@sotto/protocol';

/** What clients saw, in the order in which they saw it. Devices are named by their users, messages by envelope id (hex). */
export type Observation =
  | { kind: 'submitted'; sender: string; message: string; recipients: string[]; content: string }
  | { kind: 'answered'; message: string; outcomes: Record<string, Outcome> }
  /** A socket was welcomed: delivery begins above `after`. */
  | { kind: 'welcomed'; recipient: string; connection: number; after: number }
  | { kind: 'delivered'; recipient: string; connection: number; seq: number; message: string; content: string }
  /** Found in the mailbox after the end. */
  | { kind: 'held'; recipient: string; seq: number; message: string; content: string }
  /** Something that must not happen, whatever the rest says. */
  | { kind: 'anomaly'; what: string };

export type History = readonly Observation[];

export type Note = (observation: Observation) => void;
