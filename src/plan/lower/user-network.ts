/** The program that passes packets on: started, and told which ports it is to publish. */
import { buffer, call, slot, type BufferRef, type Call } from '../call.js';
import * as c from '../constants.js';
import type { StepOf } from '../step.js';

/** `{"return` in eight bytes: anything else is an error. */
const DONE = Buffer.from('{"return').readBigUInt64LE();

export function userNetwork({ network }: StepOf<'user-network'>): Call[] {
  const { path, arguments: first, after, ready, control, forwards } = network;
  return [
    {
      op: 'companion',
      path,
      argv: [path, ...first, { text: '', slot: 'child' }, ...after],
      ready,
      // One that was told its ports would not know them any more.
      mend: control === undefined,
    },
    ...(control === undefined
      ? []
      : [
          ...forwards.flatMap((request, index) => tell(control, request, answerTo(index))),
          // Before the answers are looked at: whatever they are, it does not stay.
          call('unlinkat', [c.AT_FDCWD, control, 0], { may: ['ENOENT'] }),
          ...forwards.map((_, index) => checkDone(answerTo(index))),
        ]),
  ];
}

/** Its beginning says it all; the rest goes with the connection. */
function answerTo(index: number): BufferRef {
  return buffer(`control-answer-${index}`, 8);
}

/** See slirp4netns(1), "API socket": one request a connection. */
function tell(control: string, request: string, answer: BufferRef): Call[] {
  const address = socketAddress(control);
  return [
    call('socket', [c.AF_UNIX, c.SOCK_STREAM | c.SOCK_CLOEXEC, 0], { store: 'control' }),
    call('connect', [slot('control'), address, address.length]),
    call('sendto', [slot('control'), request, Buffer.byteLength(request), c.MSG_NOSIGNAL, null, 0]),
    call('shutdown', [slot('control'), c.SHUT_WR]),
    call('read', [slot('control'), answer, answer.length]),
    call('close', [slot('control')]),
  ];
}

function checkDone(answer: BufferRef): Call {
  return {
    op: 'check',
    at: answer,
    offset: 0,
    mask: 0xffff_ffff_ffff_ffffn,
    equals: DONE,
    errno: 'EADDRINUSE',
  };
}

/** See unix(7). */
function socketAddress(path: string): Buffer {
  const family = Buffer.alloc(2);
  family.writeUInt16LE(c.AF_UNIX);
  return Buffer.concat([family, Buffer.from(`${path}\0`)]);
}
