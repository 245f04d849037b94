import { createHash } from 'node:crypto';

import { aciFromDigest, aciInput, type Aci, type AppId } from '@sotto/protocol';

/** The user of an app as the relay knows it. The name (`sub`) ends here: nothing behind this function sees it. */
export function aciOf(app: AppId, userName: string): Aci {
  return aciFromDigest(createHash('sha256').update(aciInput(app, userName)).digest());
}
