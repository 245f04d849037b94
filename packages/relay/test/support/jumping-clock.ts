/**
 * Loaded into a relay process before the relay (`--import`): the wall clock jumps by what the parent says. Like a real
 * jump it leaves timers and the monotonic clock alone.
 */
const RealDate = Date;
let offset = 0;

class JumpingDate extends RealDate {
  constructor(...args: unknown[]) {
    // Without arguments it is now; with some it names a time of its own.
    super(...((args.length === 0 ? [RealDate.now() + offset] : args) as [number]));
  }

  static override now(): number {
    return RealDate.now() + offset;
  }
}
globalThis.Date = JumpingDate as DateConstructor;

process.on('message', (message: { clockOffset?: number }) => {
  offset = message.clockOffset ?? 0;
});
process.channel?.unref();
