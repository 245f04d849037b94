import { Kinds } from './kind.js';
import { deviceName } from './kinds/device-name.js';
import { profile } from './kinds/profile.js';
import { readMark } from './kinds/read-mark.js';
import { receipt } from './kinds/receipt.js';
import { resendAnswer, resendRequest } from './kinds/resend.js';
import { text } from './kinds/text.js';
import { verified } from './kinds/verified.js';

/** Every kind of content that this version knows. A new one is a file in `kinds/` and a line here. */
export const STANDARD_KINDS = new Kinds([
  text,
  receipt,
  readMark,
  resendRequest,
  resendAnswer,
  deviceName,
  verified,
  profile,
]);
