import assert from 'node:assert/strict';
import { run, start, type Container, type RunOptions, type StartOptions } from '../../src/index.js';

/** Runs a script of sh(1) in a container; one that fails is an error. Returns what it printed, without the last newline. */
export async function sh(script: string, options: RunOptions = {}): Promise<string> {
  return (await run(['sh', '-ec', script], options)).stdout;
}

/**
 * A container that stays until it is disposed of, for looking at it from outside.
 *
 * @param prepare Shell commands that have been carried out when this returns.
 */
export async function hold(options: StartOptions = {}, prepare = ':'): Promise<Container> {
  // Its process 1 is `cat`, which ends with its standard input, thus with us.
  const container = await start(['sh', '-ec', `${prepare}; echo ready; exec cat`], {
    stopSignal: 'SIGKILL',
    ...options,
    stdin: 'pipe',
  });
  for await (const line of container.lines()) if (line === 'ready') return container;
  const { exitCode } = await container.wait();
  assert.fail(`the container ended with ${exitCode} before it was ready`);
}

/** The lines of a text that is not empty. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}
