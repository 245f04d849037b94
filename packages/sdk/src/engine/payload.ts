/** First byte of an envelope's payload: the Signal message type (double-ratchet.md, section 8). The relay never reads it. */
export const PAYLOAD_WHISPER = 2;
export const PAYLOAD_PREKEY = 3;

export function toPayload(message: { type: 'prekey' | 'whisper'; bytes: Uint8Array }): Uint8Array {
  const payload = new Uint8Array(1 + message.bytes.length);
  payload[0] = message.type === 'prekey' ? PAYLOAD_PREKEY : PAYLOAD_WHISPER;
  payload.set(message.bytes, 1);
  return payload;
}
