import { aciOf } from '@sotto/relay';
import { auth, http, type TestDevice } from '@sotto/relay/testing';
import { decodeDeviceList, deviceListResponse, ROUTES } from '@sotto/protocol';
import * as s from '@sotto/protocol/schema';

/** Where to reach a user's first device, as anyone with an account may ask the relay. */
export async function addressOf(asker: TestDevice, name: string): Promise<TestDevice> {
  const user = aciOf(asker.app, name);
  const path = ROUTES.getDeviceList.path.replace(':user', user);
  const answer = await http(asker.url, { method: 'GET', path }, auth(asker));
  const { list } = s.parse(deviceListResponse, answer.body);
  const record = decodeDeviceList(list.record);
  const device = record?.devices[0];
  if (!record || !device) throw new Error(`${name} has no device`);
  return { ...asker, ...device, user, name, listVersion: record.version };
}
