/** The caller's terminal is as it was, whatever happened. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { onTerminal, repositoryRoot, warrenPath, type TerminalSession } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const small = busyboxRootfs();
process.on('exit', () => {
  small[Symbol.dispose]();
});

/**
 * A shell without job control on a terminal, which would put nothing in order itself: it prints the terminal's settings,
 * runs warren, and prints them again; after a SIGKILL it gives them a moment, for nobody tells when the launcher is done.
 */
function session(options: readonly string[], command: readonly string[]): TerminalSession {
  const script = `
    trap : INT QUIT TERM HUP
    before=$(stty -g)
    echo "before=$before"
    sh -c 'echo "pid=$$"; exec "$@"' sh "$@"
    echo "exit=$?"
    tries=0
    while test "$(stty -g)" != "$before" && test $tries -lt 200; do sleep 0.05; tries=$((tries + 1)); done
    echo "after=$(stty -g)"`;
  return onTerminal([
    'sh',
    '-c',
    script,
    'sh',
    warrenPath,
    'run',
    ...options,
    '--rootfs',
    small.path,
    '--',
    ...command,
  ]);
}

/** @returns The exit code that the shell saw. */
async function assertRestored(terminal: TerminalSession): Promise<number> {
  await terminal.end();
  const screen = terminal.screen();
  const find = (name: string): string =>
    new RegExp(`${name}=(\\S+)`).exec(screen)?.[1] ?? assert.fail(`no ${name} in ${JSON.stringify(screen)}`);
  assert.equal(find('after'), find('before'));
  return Number(find('exit'));
}

function pidOf(terminal: TerminalSession): number {
  return Number(/pid=(\d+)/.exec(terminal.screen())?.[1]);
}

test('the terminal is put back when the command ends, and when it fails', async () => {
  await leavesNothing(async () => {
    assert.equal(await assertRestored(session(['-it'], ['true'])), 0);
    assert.equal(await assertRestored(session(['-it'], ['sh', '-c', 'stty raw -echo; exit 7'])), 7);
  });
});

test('the terminal is put back when the start fails', async () => {
  await leavesNothing(async () => {
    assert.equal(await assertRestored(session(['-it'], ['no-such-command'])), 127);
    assert.equal(await assertRestored(session(['-it', '-w', '/no/such'], ['true'])), 125);
  });
});

test('the terminal is put back when the kernel refuses a late step of the start', async () => {
  const launcher = join(repositoryRoot, `prebuilds/linux-${process.arch}/warren-launcher-fault`);
  await leavesNothing(async () => {
    for (const op of [20, 150, 200, 250]) {
      process.env['WARREN_LAUNCHER'] = launcher;
      process.env['WARREN_FAULT'] = `${op}:5`;
      try {
        const terminal = session(['-it'], ['true']);
        // 0 where the op is on a branch that is not taken.
        assert.ok([0, 125].includes(await assertRestored(terminal)), terminal.screen());
      } finally {
        delete process.env['WARREN_LAUNCHER'];
        delete process.env['WARREN_FAULT'];
      }
    }
  });
});

test('Ctrl-C goes to the command, raw, and the terminal is put back', async () => {
  await leavesNothing(async () => {
    const terminal = session(
      ['-it'],
      ['sh', '-c', 'trap "exit 3" INT; echo ready; while :; do sleep 0.1; done'],
    );
    await terminal.expect(/ready/);
    terminal.type('\u0003');
    assert.equal(await assertRestored(terminal), 3);
  });
});

test('Ctrl-C at any moment of the start ends it, and the terminal is put back', async () => {
  await leavesNothing(async () => {
    for (let round = 0; round < 12; round++) {
      const terminal = session(['-it', '--init'], ['sleep', '72001']);
      await terminal.expect(/pid=\d+/);
      await delay(round * 15);
      // The first may be heard by nobody, when it comes before warren listens.
      const ended = assertRestored(terminal);
      const typing = setInterval(() => {
        terminal.type('\u0003');
      }, 100);
      terminal.type('\u0003');
      try {
        assert.notEqual(await ended, 0);
      } finally {
        clearInterval(typing);
      }
    }
  });
});

for (const signal of ['SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
  test(`the terminal is put back after ${signal} of warren`, async () => {
    await leavesNothing(async () => {
      const terminal = session(['-it', '--init'], ['sh', '-c', 'echo ready; exec sleep 72002']);
      await terminal.expect(/ready/);
      process.kill(pidOf(terminal), signal);
      assert.notEqual(await assertRestored(terminal), 0);
    });
  });
}

test('the terminal is put back, and warren says so, after SIGKILL of its launcher', async () => {
  await leavesNothing(async () => {
    const terminal = session(['-it'], ['sh', '-c', 'echo ready; exec sleep 72003']);
    await terminal.expect(/ready/);
    const pid = pidOf(terminal);
    const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean),
    );
    assert.equal(children.length, 1);
    process.kill(Number(children[0]), 'SIGKILL');
    assert.equal(await assertRestored(terminal), 125);
    assert.match(terminal.screen(), /launcher/);
  });
});
