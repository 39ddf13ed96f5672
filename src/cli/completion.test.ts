import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { before, test } from 'node:test';
import type { Command } from './command.js';
import { commandEntries } from './commands/index.js';
import { completionScript, completionShells } from './completion.js';

const loaded: Command[] = [];
before(async () => {
  for (const entry of commandEntries) loaded.push(await entry.load());
});

/** What bash offers for the last of `words`. */
function complete(words: readonly string[]): string[] {
  const script = `${completionScript('bash', loaded)}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _warren; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
}

test('the scripts for bash and zsh pass bash -n', () => {
  for (const shell of ['bash', 'zsh'] as const) {
    const { status, stderr } = spawnSync('bash', ['-n'], {
      input: completionScript(shell, loaded),
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  }
});

test('every script knows every option of every command', () => {
  for (const shell of completionShells) {
    const script = completionScript(shell, loaded);
    for (const command of loaded) {
      for (const name of Object.keys(command.options)) assert.ok(script.includes(name), `${shell}: ${name}`);
    }
  }
});

test('bash completes commands, options, and the values of options with a closed set', () => {
  assert.deepEqual(complete(['warren', 'ru']), ['run']);
  assert.deepEqual(complete(['warren', 'run', '--cap-a']), ['--cap-add']);
  assert.deepEqual(complete(['warren', 'run', '--cap-add', 'NET_A']), ['NET_ADMIN']);
  assert.deepEqual(complete(['warren', 'run', '--stop-signal', 'TER']), ['TERM']);
  assert.deepEqual(complete(['warren', 'completion', 'z']), ['zsh']);
});

test('bash completes --opt=value, which it hands over as three words, and --plan only so', () => {
  assert.deepEqual(complete(['warren', 'run', '--network', '=', 'ho']), ['host']);
  assert.deepEqual(complete(['warren', 'run', '--plan', '=', 'j']), ['json']);
  assert.deepEqual(complete(['warren', 'run', '--plan', '=']), ['text', 'json']);
  assert.deepEqual(complete(['warren', 'run', '--plan', '--cap-a']), ['--cap-add']);
});

test('bash completes commands after --', () => {
  assert.ok(complete(['warren', 'run', '--', 'bas']).includes('bash'));
});
