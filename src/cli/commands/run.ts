import { readFileSync } from 'node:fs';
import { WarrenError, invalid } from '../../errors.js';
import { defineCommand } from '../command.js';
import type { ParsedOptions } from '../options.js';
import { STDERR, writeText } from '../output.js';
import { isKept } from './keep-options.js';
import { isNetworked } from './network-options.js';
import { runOptionTable } from './run-options.js';
import { readRunRequest } from './run-request.js';

/** `warren run`. */
export const runCommand = defineCommand({
  name: 'run',
  summary:
    'Run a command in namespaces of its own, in a copy-on-write view of this machine or of a directory. ' +
    'The exit code is that of the command; 125: Warren failed, 126: the command cannot be run, 127: it is not there.',
  usage: ['[OPTIONS] -- COMMAND [ARG…]'],
  options: runOptionTable,
  stopAtOperand: true,
  notes: `
Examples:
  warren run -it --sysctl net.ipv4.tcp_keepalive_time=600 -- bash
  warren run --rootfs ./rootfs --read-only -v "$PWD:/work:ro" -w /work -- make test
  warren run -d --name web --restart on-failure -- httpd -f
  warren run --plan -- true

Without -d, and without a name, a label or anything else that is for later, nothing is kept: the container is gone when the
command has ended.`,
  async run(parsed, context) {
    const command = commandOf(parsed);
    const request = readRunRequest(parsed.values, {
      env: context.env,
      readFile: (path) => readFileSync(path, 'utf8'),
    });
    for (const warning of request.warnings) writeText(STDERR, `warren: note: ${warning}\n`);
    const kept = isKept(parsed.values) || isNetworked(parsed.values);
    if (kept && request.plan === undefined) {
      const { runKept } = await import('../kept.js');
      return runKept(command, request, parsed.values);
    }
    const { runContainer } = await import('../foreground.js');
    return runContainer(command, request.options, {
      interactive: request.interactive,
      tty: request.options.tty ?? false,
      plan: request.plan,
    });
  },
});

/**
 * What follows `--`. What stands before it will be an image, once there are images.
 *
 * @throws {WarrenError} `ERR_IMAGE_UNSUPPORTED`, `ERR_NO_COMMAND`.
 */
export function commandOf(
  parsed: Pick<ParsedOptions<never>, 'operands' | 'afterDashes'>,
  verb: 'run' | 'create' | 'caps why' = 'run',
): readonly string[] {
  const { operands, afterDashes = [] } = parsed;
  const [image] = operands;
  if (image !== undefined) {
    throw new WarrenError('ERR_IMAGE_UNSUPPORTED', `Cannot run the image ${JSON.stringify(image)}`, {
      kind: 'unsupported',
      why: 'this version of Warren has no images yet',
      fix: `to run it as a command, put -- before it: warren ${verb} … -- ${operands.join(' ')}`,
    });
  }
  if (afterDashes.length === 0) {
    throw invalid(
      'ERR_NO_COMMAND',
      {
        run: 'Cannot run',
        create: 'Cannot create a container',
        'caps why': 'Cannot find out what is lacking',
      }[verb],
      'there is no command',
      `write: warren ${verb} [OPTIONS] -- COMMAND [ARG…]`,
    );
  }
  return afterDashes;
}
