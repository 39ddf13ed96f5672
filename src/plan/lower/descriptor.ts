import { call, slot, type Call } from '../call.js';
import * as c from '../constants.js';

/** An answer without anything in it, and the end: the launcher was only to do this. */
export function reportDone(): Call[] {
  const answer = { struct: [{ u32: c.MSG_DATA }, { u32: 0 }] };
  return [call('sendto', [slot('report'), answer, 8, c.MSG_NOSIGNAL, null, 0]), { op: 'exit', code: 0 }];
}

/** Sends one `struct message` (native/launcher/plan.h) with a descriptor: see unix(7), SCM_RIGHTS. */
export function sendDescriptor(channel: string, descriptor: string, may: readonly string[] = []): Call {
  const message = Buffer.alloc(c.MESSAGE_SIZE);
  message.writeUInt32LE(c.MSG_TERMINAL, 0);
  return call(
    'sendmsg',
    [
      slot(channel),
      {
        struct: [
          { pointer: null },
          { u64: 0 },
          { pointer: { struct: [{ pointer: message }, { u64: message.length }] } },
          { u64: 1 },
          {
            pointer: {
              struct: [
                { u64: 20 },
                { u32: c.SOL_SOCKET },
                { u32: c.SCM_RIGHTS },
                { u32: slot(descriptor) },
                { u32: 0 },
              ],
            },
          },
          { u64: 24 },
          { u64: 0 },
        ],
      },
      c.MSG_NOSIGNAL,
    ],
    { may },
  );
}
