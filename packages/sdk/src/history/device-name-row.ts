import type { Aci } from '@sotto/protocol';

import { directConversationId } from '../content/content.js';
import { deviceName } from '../content/kinds/device-name.js';
import type { Clock } from '../util/clock.js';
import type { NewOutboxRow } from './rows.js';

/** This device's name, for this user's others: in the conversation that a user has with itself. */
export function nameRow(
  { user, userName, clock }: { user: Aci; userName: string; clock: Clock },
  name: string,
  nonce: Uint8Array,
): NewOutboxRow {
  return {
    id: `${deviceName.name}:${Array.from(nonce).join('.')}`,
    conversation: directConversationId(user, user),
    peer: userName,
    kind: deviceName.name,
    body: { name },
    at: clock.now(),
    messageId: null,
  };
}
