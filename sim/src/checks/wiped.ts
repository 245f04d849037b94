import type { Device } from '../client/device.js';
import type { Oracle } from './oracle.js';
import type { MessageRow } from './text.js';

/** A device that was removed keeps nothing of what it had. */
export async function checkWiped(oracle: Oracle, devices: readonly Device[]): Promise<void> {
  for (const device of devices) {
    if (device.isLost || device.wiped === 0 || device.account) continue;
    const { history, vault } = await device.profile();
    // What was written since goes nowhere.
    const rows = (history.get('messages') ?? []) as MessageRow[];
    const kept = rows.filter((row) => row.status !== 'pending').length;
    const keys = (['sessions', 'preKeys', 'peers', 'sent'] as const).flatMap((table) => vault.get(table) ?? []).length;
    if (kept + keys > 0) oracle.report('not-wiped', `${device.name}: ${kept} messages, ${keys} keys`);
  }
}
