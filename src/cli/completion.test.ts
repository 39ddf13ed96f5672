import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

test('bash completes the names of networks, containers, network namespaces and devices', (t) => {
  const state = mkdtempSync(join(tmpdir(), 'warren-complete-'));
  const before = process.env['WARREN_STATE'];
  process.env['WARREN_STATE'] = state;
  t.after(() => {
    if (before === undefined) delete process.env['WARREN_STATE'];
    else process.env['WARREN_STATE'] = before;
    rmSync(state, { recursive: true });
  });
  // Nothing has been made yet.
  assert.deepEqual(complete(['warren', 'network', 'rm', '']), ['']);
  for (const name of ['networks/lab', 'networks/lab6', 'names/web'])
    mkdirSync(join(state, name), { recursive: true });
  writeFileSync(join(state, 'networks/lock'), '');
  assert.deepEqual(complete(['warren', 'network', 'rm', 'l']).sort(), ['lab', 'lab6']);
  assert.deepEqual(complete(['warren', 'network', 'connect', 'lab', 'w']), ['web']);
  assert.deepEqual(complete(['warren', 'network', 'r']), ['rm']);
  assert.deepEqual(complete(['warren', 'network', 'create', '']), ['']);
  assert.deepEqual(complete(['warren', 'network', 'create', '--sub']), ['--subnet']);
  assert.deepEqual(complete(['warren', 'port', 'w']), ['web']);
  assert.deepEqual(complete(['warren', 'port', 'a']), ['add']);
  assert.deepEqual(complete(['warren', 'port', 'add', 'w']), ['web']);
  assert.deepEqual(complete(['warren', 'netns', 'show', 'w']), ['web']);
  assert.deepEqual(complete(['warren', 'netns', 'w']), ['wire']);
  assert.deepEqual(complete(['warren', 'veth', 'l']), ['lo']);
});

test('bash completes commands after --', () => {
  assert.ok(complete(['warren', 'run', '--', 'bas']).includes('bash'));
});
