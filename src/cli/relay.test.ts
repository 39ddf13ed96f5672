import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

/**
 * Joins a terminal of script(1) with a stand-in for a container's, and runs `body` while it is joined.
 *
 * @returns The settings of the terminal (`stty -g`) before, while and after.
 */
function settingsAround(body: string): string[] {
  const program = `
    import { execFileSync } from 'node:child_process';
    import { PassThrough } from 'node:stream';
    const { relayTerminal } = await import(process.env.RELAY);
    const sizes = [];
    const terminal = {
      readable: new PassThrough(),
      writable: new PassThrough(),
      resize: (rows, columns) => sizes.push(rows + 'x' + columns),
    };
    const relay = relayTerminal(terminal, true);
    console.log('while=' + execFileSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'inherit'] }).toString().trim() + '\\r');
    console.log('sizes=' + sizes + '\\r');
    ${body}`;
  const line = `
    stty rows 33 columns 111
    echo before=$(stty -g)
    "$NODE" --input-type=module -e "$PROGRAM" 2>/dev/null
    echo after=$(stty -g)`;
  const shown = execFileSync('script', ['--quiet', '--command', line, '/dev/null'], {
    encoding: 'utf8',
    input: '',
    env: {
      ...process.env,
      SHELL: '/bin/sh',
      NODE: process.execPath,
      PROGRAM: program,
      RELAY: new URL('relay.js', import.meta.url).href,
    },
  });
  assert.match(shown, /sizes=33x111/);
  return ['before', 'while', 'after'].map(
    (when) => new RegExp(`${when}=(\\S+)`).exec(shown)?.[1] ?? assert.fail(shown),
  );
}

test('relayTerminal() makes the terminal raw, hands on its size, and restore() puts it back', () => {
  const [before, during, after] = settingsAround('relay.restore(); relay.restore();');
  assert.notEqual(during, before);
  assert.equal(after, before);
});

test('relayTerminal() leaves no raw terminal when the process crashes, or exits in the middle', () => {
  for (const body of [
    "throw new Error('crash')",
    "setImmediate(() => { throw new Error('crash') })",
    'process.exit(3)',
  ]) {
    const [before, during, after] = settingsAround(body);
    assert.notEqual(during, before);
    assert.equal(after, before, body);
  }
});
