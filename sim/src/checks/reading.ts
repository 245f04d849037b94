import { aciOf } from '@sotto/relay';

import type { Device } from '../client/device.js';
import { APP } from '../relay/tokens.js';
import type { Mark } from './marks.js';
import type { Oracle } from './oracle.js';
import type { Side, Tolerance } from './side.js';
import { textOf, type MessageRow } from './text.js';

/**
 * What one user has read of a conversation is read on all of their devices, and what nobody has read is unread on all of them.
 *
 * @param sides of one user
 */
export function checkReading(oracle: Oracle, sides: readonly Side[], tolerance: Tolerance): void {
  const members = new Set(sides.map(({ device }) => device.address));
  for (const { device, rows } of sides) {
    const hidden = tolerance.notices ? hiddenMarks(device, rows) : 0;
    const unheard = new Set<Mark>();
    for (const row of rows) {
      if (textOf(row) === null || row.user === aciOf(APP, device.user)) continue;
      const marks = oracle.marks.of(device.user, row.id);
      if (row.unread === 0) {
        if (marks.length === 0) oracle.report('read-by-nobody', `${device.name}: ${textOf(row)}`);
        continue;
      }
      for (const mark of marks) if (mustKnow(device, mark, members, rows, oracle)) unheard.add(mark);
    }
    if (unheard.size <= hidden) continue;
    for (const mark of unheard) {
      const texts = mark.ids.map((id) => oracle.textOf(id));
      oracle.report('unread-again', `${device.name}: ${texts.join(', ')}, read on ${mark.reader.slice(-12)}`);
    }
  }
}

/** Whether this device has to know of the mark. One that joined after the reading need not have been told. */
function mustKnow(
  { address }: Device,
  mark: Mark,
  members: ReadonlySet<string | null>,
  rows: readonly MessageRow[],
  oracle: Oracle,
): boolean {
  if (address === null || mark.forgottenBy.has(address)) return false;
  // A reader that is gone may have gone before it could say so; one that is there has said so to all of those days.
  const isSaid = members.has(mark.reader) && !mark.isForgotten;
  const isTold = mark.storedFor.has(address) || (isSaid && mark.listed.has(address));
  if (!mark.lostFor.has(address)) return mark.reader === address || isTold;
  // Put back: nobody knows of what nothing came after, and nobody but the reader can say it again.
  const cameAfter = rows.some((row) => row.hlc > (mark.hlc ?? Infinity) && oracle.authorOf(row.id) === mark.reader);
  return mark.reader !== address && members.has(mark.reader) && cameAfter;
}

/** Own devices' copies that cannot be read: a mark may be one of them. */
function hiddenMarks({ user }: Device, rows: readonly MessageRow[]): number {
  return rows.filter((row) => row.body.kind === 'undecryptable' && row.user === aciOf(APP, user)).length;
}
