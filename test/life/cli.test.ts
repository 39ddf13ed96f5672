/** The life of a container by the command line, each command right and wrong. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { onTerminal, warren, warrenPath, type CliResult } from '../support/cli.js';
import { linesOf } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { stateEntries, testState } from '../support/state.js';
import { waitFor, waitForExit } from '../support/wait.js';

assertFakeHost();
const state = testState();
const { root, rootfs, env } = state;
after(async () => state[Symbol.asyncDispose]());
afterEach(async () => state.clear());

/** Ends at SIGTERM with code 3, at SIGUSR1 with code 4. */
const polite = [
  'sh',
  '-c',
  'trap "exit 3" TERM; trap "exit 4" USR1; echo ready; while :; do sleep 0.02; done',
];

async function cli(...args: readonly string[]): Promise<CliResult> {
  return warren(args, { env });
}

/** What it prints, without the last newline; anything on standard error is a failure. */
async function ok(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(...args);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' }, args.join(' '));
  return stdout.trimEnd();
}

interface Refusal {
  readonly exit: number | null;
  readonly code: string;
  readonly message: string;
  readonly fix: string | undefined;
}

/** The one error that it prints, as JSON. */
async function refusal(...args: readonly string[]): Promise<Refusal> {
  const { code: exit, stderr } = await warren(args, { env: { ...env, WARREN_JSON: '1' } });
  const lines = linesOf(stderr);
  assert.equal(lines.length, 1, `${args.join(' ')}: ${stderr}`);
  return { exit, ...(JSON.parse(lines[0] ?? '') as Omit<Refusal, 'exit'>) };
}

async function run(name: string, command: readonly string[], ...options: readonly string[]): Promise<string> {
  return ok('run', '-d', '--name', name, ...options, '--rootfs', rootfs, '--', ...command);
}

/** Runs a container that has said `ready`. */
async function ready(name: string, ...options: readonly string[]): Promise<string> {
  const id = await run(name, polite, ...options);
  await waitFor('its first line', async () =>
    (await ok('logs', name)).startsWith('ready') ? true : undefined,
  );
  return id;
}

async function status(name: string): Promise<string> {
  return ok('inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', name);
}

test('run -d prints the id alone; what looks at containers finds it by name, id and label', async () => {
  const labels = join(root, 'labels');
  const cidfile = join(root, 'cid');
  writeFileSync(labels, '# of the site\ntier=front\n\nowner=me\n');
  const script = 'echo out; echo err >&2; exec sleep 74001';
  const options = ['--label', 'tier=web', '--label-file', labels, '--cidfile', cidfile, '-l', 'plain'];
  const id = await run('web', ['sh', '-c', script], ...options);
  assert.match(id, /^[0-9a-f]{64}$/);
  assert.equal(readFileSync(cidfile, 'utf8'), id);

  assert.equal(await ok('ps', '-q', '--no-trunc', '--filter', 'label=tier=web'), id);
  assert.equal(await ok('ps', '-q', '--filter', 'label=tier=front'), '');
  assert.equal(await ok('ps', '--format', '{{.Names}} {{.State}} {{.Label "owner"}}'), 'web running me');
  assert.deepEqual(
    (JSON.parse(await ok('ps', '--json')) as { id: string; name: string }[]).map((each) => [
      each.id,
      each.name,
    ]),
    [[id, 'web']],
  );
  const labelsTemplate = '{{json .Config.Labels}}';
  assert.deepEqual(JSON.parse(await ok('inspect', '-f', labelsTemplate, id.slice(0, 7))), {
    tier: 'web',
    owner: 'me',
    plain: '',
  });
  await waitFor('both lines', async () => {
    const { stdout, stderr } = await cli('logs', 'web');
    return (stdout === 'out\n' && stderr === 'err\n') || undefined;
  });
  assert.match(await ok('top', 'web'), /^UID +PID .*\n\w+ .* sleep 74001$/);
  assert.match(await ok('top', 'web', '-o', 'pid,comm'), /^PID +COMMAND\n\d+ +sleep$/);
  assert.equal((JSON.parse(await ok('top', 'web', '--json')) as unknown[]).length, 1);
  const [stats] = JSON.parse(await ok('stats', '--no-stream', '--json', 'web')) as { name: string }[];
  assert.equal(stats?.name, 'web');
  const events = linesOf(
    await ok('events', '--since', '0', '--until', '0s', '--filter', 'container=web', '--json'),
  );
  assert.deepEqual(
    events.map((line) => (JSON.parse(line) as { Action: string }).Action),
    ['create', 'start'],
  );
  assert.equal(await ok('rm', '-f', 'web'), 'web');
  assert.deepEqual(stateEntries(root), []);
});

test('--cidfile that is there already, or cannot be made: nothing is made, and nothing written over', async () => {
  const cidfile = join(root, 'taken');
  writeFileSync(cidfile, 'mine');
  for (const file of [cidfile, join(root, 'no/such/directory')]) {
    const { exit, code, fix } = await refusal(
      'run',
      '-d',
      '--cidfile',
      file,
      '--rootfs',
      rootfs,
      '--',
      'true',
    );
    assert.deepEqual([exit, code, typeof fix], [125, 'ERR_CIDFILE', 'string']);
  }
  assert.equal(readFileSync(cidfile, 'utf8'), 'mine');
  assert.equal(await ok('ps', '-aq'), '');
});

test('a run that cannot be started leaves neither container nor name nor --cidfile', async () => {
  const cidfile = join(root, 'never');
  const options = ['--rootfs', rootfs, '--name', 'never', '--cidfile', cidfile];
  for (const [command, exit] of [
    ['no-such-command', 127],
    ['/etc/passwd', 126],
  ] as const) {
    for (const how of [['-d'], []]) {
      assert.equal((await refusal('run', ...how, ...options, '--', command)).exit, exit);
      assert.equal(existsSync(cidfile), false);
      assert.deepEqual(stateEntries(root), []);
    }
  }
});

test('--rm takes it away at its end, also when it ends at once, and its exit code is told', async () => {
  for (const script of ['exit 5', 'echo all; exit 5', 'sleep 0.05; echo all; exit 5']) {
    for (const round of ['first', 'second']) {
      const { code, stdout, stderr } = await cli(
        ...['run', '--rm', '--name', round, '--rootfs', rootfs, '--', 'sh', '-c', script],
      );
      const expected = script.includes('all') ? 'all\n' : '';
      assert.deepEqual({ code, stdout, stderr }, { code: 5, stdout: expected, stderr: '' }, script);
    }
  }
  await run('away', ['true'], '--rm');
  await waitFor('all to be removed', () => stateEntries(root).length === 0 || undefined);
});

test('--restart on-failure:N starts it again so often, and no more after a stop', async () => {
  await run('tries', ['sh', '-c', 'echo try; exit 9'], '--restart', 'on-failure:2');
  assert.equal(await ok('wait', 'tries'), '9');
  assert.deepEqual(linesOf(await ok('logs', 'tries')), ['try', 'try', 'try']);
  assert.equal(await ok('inspect', '-f', '{{.RestartCount}}', 'tries'), '2');

  await ready('always', '--restart', 'always');
  assert.equal(await ok('stop', 'always'), 'always');
  assert.equal(await status('always'), 'exited 3');
});

test('--log-opt keeps the log to its files and their size', async () => {
  const id = await run('wordy', ['seq', '1', '30000'], '--log-opt', 'max-size=4k', '--log-opt', 'max-file=2');
  await ok('wait', 'wordy');
  const files = readdirSync(join(root, 'containers', id)).filter((name) => name.startsWith('log'));
  assert.deepEqual(files.sort(), ['log', 'log.1']);
  assert.equal(linesOf(await ok('logs', 'wordy')).at(-1), '30000');
  assert.equal(await ok('logs', '--tail', '1', 'wordy'), '30000');
});

test('create makes it, start starts it, start -a stays with it and start -ai feeds it', async () => {
  const id = await ok(
    'create',
    '-i',
    '--name',
    'made',
    '--rootfs',
    rootfs,
    '--',
    'sh',
    '-c',
    'echo on; cat; exit 5',
  );
  assert.equal(await status('made'), 'created 0');
  assert.equal(await ok('ps', '-q'), '');
  assert.equal(await ok('ps', '-aq', '--no-trunc'), id);

  const fed = await warren(['start', '-ai', 'made'], { env, input: 'given\n' });
  assert.deepEqual(fed, { code: 5, signal: null, stdout: 'on\ngiven\n', stderr: '' });

  await ok('create', '--name', 'plain', '--rootfs', rootfs, '--', 'sh', '-c', 'echo on; exit 6');
  const attached = await cli('start', '--attach', 'plain');
  assert.deepEqual([attached.code, attached.stdout], [6, 'on\n']);
  assert.equal(await ok('start', 'plain'), 'plain');
  assert.equal(await ok('wait', 'plain'), '6');
  // What was written before is kept, and shown only by logs.
  assert.equal(await ok('logs', 'plain'), 'on\non');
});

test('several at once: what can be done is done and printed, the rest is said, and the exit code is 1', async () => {
  await ok('create', '--name', 'one', '--rootfs', rootfs, '--', ...polite);
  await ok('create', '--name', 'two', '--rootfs', rootfs, '--', ...polite);
  for (const [command, after] of [
    ['start', 'running'],
    ['pause', 'paused'],
    ['unpause', 'running'],
    ['restart', 'running'],
    ['kill', 'exited'],
    ['stop', 'exited'],
  ] as const) {
    const { code, stdout, stderr } = await cli(command, 'one', 'nobody', 'two');
    assert.deepEqual([code, stdout], [1, 'one\ntwo\n'], command);
    assert.match(stderr, /^warren: Cannot find the container "nobody": no such container\n {2}fix: .*\n$/);
    for (const name of ['one', 'two']) assert.equal((await status(name)).split(' ')[0], after, command);
  }
  const { code, stdout } = await cli('wait', 'one', 'nobody', 'two');
  assert.deepEqual([code, stdout], [1, '137\n137\n']);
});

test('stop asks, and kills after the grace; -s asks otherwise', async () => {
  await ready('web');
  await ok('stop', 'web');
  assert.equal(await status('web'), 'exited 3');
  await ok('start', 'web');
  await waitFor(
    'it to be ready again',
    async () => (await ok('logs', 'web')) === 'ready\nready' || undefined,
  );
  await ok('stop', '--signal', 'USR1', '--time', '30', 'web');
  assert.equal(await status('web'), 'exited 4');
  await run('deaf', ['sleep', '74002']);
  await ok('stop', '-t', '0', 'deaf');
  assert.equal(await status('deaf'), 'exited 137');
});

test('kill sends the signal that is asked for, by name or number', async () => {
  for (const [signal, expected] of [
    ['USR1', 'exited 4'],
    ['SIGTERM', 'exited 3'],
    ['10', 'exited 4'],
  ] as const) {
    await ready('web');
    assert.equal(await ok('kill', '-s', signal, 'web'), 'web');
    await ok('wait', 'web');
    assert.equal(await status('web'), expected);
    await ok('rm', 'web');
  }
});

test('wait prints the exit codes in the order given, and waits for what runs', async () => {
  await run('seven', ['sh', '-c', 'exit 7']);
  await ready('web');
  const waiting = cli('wait', 'web', 'seven');
  await waitFor('somebody to wait', async () => (await status('seven')) === 'exited 7' || undefined);
  await ok('kill', '-s', 'TERM', 'web');
  assert.equal((await waiting).stdout, '3\n7\n');
});

test('rm refuses what runs, takes it with -f, and with -f does not mind what is not there', async () => {
  await run('web', ['sleep', '74003']);
  const { exit, code, fix } = await refusal('rm', 'web');
  assert.deepEqual([exit, code], [1, 'ERR_CONTAINER_RUNNING']);
  assert.match(fix ?? '', /warren stop web.*warren rm -f web/);
  assert.equal((await refusal('rm', 'nobody')).code, 'ERR_CONTAINER_NOT_FOUND');
  assert.equal(await ok('rm', '-f', 'nobody'), '');
  assert.equal(await ok('rm', '-fv', 'web', 'nobody'), 'web');
  assert.deepEqual(stateEntries(root), []);
});

test('one whose files are damaged is named, hinders no other, and is removed by rm -f', async () => {
  const bad = await run('bad', ['sleep', '74004']);
  const good = await run('good', ['true']);
  const pid = Number(await ok('inspect', '-f', '{{.State.Pid}}', 'bad'));
  writeFileSync(join(root, 'containers', bad, 'config.json'), '{"version":1,');
  const listed = await cli('ps', '-aq', '--no-trunc');
  assert.deepEqual([listed.code, listed.stdout], [0, `${good}\n`]);
  assert.ok(listed.stderr.includes(bad.slice(0, 12)), listed.stderr);
  for (const command of ['inspect', 'stop', 'rm', 'logs']) {
    const { exit, code, fix } = await refusal(command, 'bad');
    assert.deepEqual([exit, code, typeof fix], [1, 'ERR_STATE_DAMAGED', 'string'], command);
  }
  assert.equal(await ok('rm', '-f', 'bad'), 'bad');
  await waitForExit(pid);
  assert.equal(await ok('ps', '-aq', '--no-trunc'), good);
});

test('rename gives another name, says nothing, and leaves the old one to others', async () => {
  await ok('create', '--name', 'old', '--rootfs', rootfs, '--', 'true');
  await ok('create', '--name', 'other', '--rootfs', rootfs, '--', 'true');
  assert.equal(await ok('rename', 'old', 'new'), '');
  assert.equal((await refusal('inspect', '-f', 'x', 'old')).code, 'ERR_CONTAINER_NOT_FOUND');
  await ok('create', '--name', 'old', '--rootfs', rootfs, '--', 'true');
  for (const [to, exit, code] of [
    ['other', 1, 'ERR_CONTAINER_NAME_TAKEN'],
    ['new', 1, 'ERR_CONTAINER_NAME_TAKEN'],
    ['a b', 2, 'ERR_CONTAINER_NAME'],
  ] as const) {
    const refused = await refusal('rename', 'new', to);
    assert.deepEqual([refused.exit, refused.code, typeof refused.fix], [exit, code, 'string']);
  }
  assert.deepEqual(linesOf(await ok('ps', '-a', '--format', '{{.Names}}')).sort(), ['new', 'old', 'other']);
});

test('prune removes what does not run, and only what the filter says', async () => {
  await run('web', ['sleep', '74005']);
  const make = async (name: string, ...options: string[]): Promise<string> =>
    ok('create', '--name', name, ...options, '--rootfs', rootfs, '--', 'true');
  const one = await make('one', '--label', 'tier=test');
  const two = await make('two');

  assert.equal((await refusal('prune')).code, 'ERR_NOT_CONFIRMED');
  for (const filter of ['tier', 'until=x', 'label'])
    assert.equal((await refusal('prune', '--filter', filter)).code, 'ERR_OPTION_VALUE', filter);
  assert.equal(await ok('prune', '--force', '--filter', 'until=1h'), 'nothing to remove');
  assert.equal(await ok('prune', '--force', '--filter', 'label=tier'), one);
  assert.deepEqual(JSON.parse(await ok('prune', '-f', '--json')), [two]);
  assert.equal(await ok('ps', '-a', '--format', '{{.Names}}'), 'web');

  await make('three');
  for (const [answer, exit, left] of [
    ['n', 2, 'three\nweb'],
    ['', 2, 'three\nweb'],
    ['y', 0, 'web'],
  ] as const) {
    const terminal = onTerminal([warrenPath, 'prune'], { env });
    await terminal.expect(/\[y\/N\]/);
    terminal.type(`${answer}\r`);
    assert.equal(await terminal.end(), exit, terminal.screen());
    assert.equal(await ok('ps', '-a', '--format', '{{.Names}}'), left);
  }
});

test('a killed monitor leaves a container that is dead, that gc tidies up after, and that can be started', async () => {
  await run('web', ['sleep', '74006'], '--pids-limit', '20');
  const [pid, monitor] = (await ok('inspect', '-f', '{{.State.Pid}} {{.Warren.MonitorPid}}', 'web')).split(
    ' ',
  );
  process.kill(Number(monitor), 'SIGKILL');
  await waitForExit(Number(monitor));
  await waitForExit(Number(pid));
  assert.equal(await status('web'), 'dead 137');
  assert.match(await ok('gc'), /^(removed .*warren-.*\n?)+$/);
  const { kept } = JSON.parse(await ok('gc', '--json')) as { removed: string[]; kept: string[] };
  assert.deepEqual(kept, []);
  await ok('start', 'web');
  assert.equal((await status('web')).split(' ')[0], 'running');
});

test('cp and diff by command', async () => {
  await run('web', ['sleep', '74007']);
  const here = join(root, 'copied');
  mkdirSync(here);
  writeFileSync(join(here, 'page'), 'hello\n');
  const into = await cli('cp', join(here, 'page'), 'web:/page');
  assert.deepEqual([into.code, into.stdout], [0, '']);
  assert.match(into.stderr, /^Successfully copied .* to web:\/page\n$/);
  assert.equal(await ok('exec', 'web', 'cat', '/page'), 'hello');
  assert.equal(await ok('diff', 'web'), 'A /page');
  assert.deepEqual(JSON.parse(await ok('diff', '--json', 'web')), [{ kind: 'A', path: '/page' }]);
  await ok('exec', 'web', 'sh', '-c', 'echo more >>/page');
  assert.equal(await ok('cp', '-q', 'web:/page', join(here, 'back')), '');
  assert.equal(readFileSync(join(here, 'back'), 'utf8'), 'hello\nmore\n');
});

/** Each wrong on purpose: what, the exit code, the error's code. */
const wrong: readonly (readonly [args: string, exit: number, code: string])[] = [
  ['run -d --name web -- true', 125, 'ERR_CONTAINER_NAME_TAKEN'],
  ['run -d --name w -- true', 125, 'ERR_CONTAINER_NAME'],
  ['run -d --name .. -- true', 125, 'ERR_CONTAINER_NAME'],
  ['run -d --label-file /no/such -- true', 125, 'ERR_LABEL'],
  ['run -d --label =x -- true', 125, 'ERR_LABEL'],
  ['run -d --restart sometimes -- true', 125, 'ERR_RESTART_POLICY'],
  ['run -d --restart on-failure:x -- true', 125, 'ERR_RESTART_POLICY'],
  ['run -d --restart always:3 -- true', 125, 'ERR_RESTART_POLICY'],
  ['run -d --rm --restart always -- true', 125, 'ERR_RESTART_POLICY'],
  ['run -d --log-opt max-size=1 -- true', 125, 'ERR_LOG_OPTION'],
  ['run -d --log-opt max-file=0 -- true', 125, 'ERR_LOG_OPTION'],
  ['run -d --log-opt size=1m -- true', 125, 'ERR_LOG_OPTION'],
  ['run -d --log-opt max-size=many -- true', 125, 'ERR_SIZE'],
  ['run -d --timeout 3s -- true', 125, 'ERR_OPTION_VALUE'],
  ['run -d --detach-keys enter -- true', 125, 'ERR_OPTION_VALUE'],
  ['run -d --rootfs /no/such -- true', 125, 'ERR_ROOTFS'],
  ['run -d', 125, 'ERR_NO_COMMAND'],
  ['create', 125, 'ERR_NO_COMMAND'],
  ['create -d -- true', 125, 'ERR_OPTION_UNKNOWN'],
  ['start', 125, 'ERR_USAGE'],
  ['start -a web ended', 125, 'ERR_USAGE'],
  ['start --nope web', 125, 'ERR_OPTION_UNKNOWN'],
  ['start nobody', 1, 'ERR_CONTAINER_NOT_FOUND'],
  ['start -a nobody', 125, 'ERR_CONTAINER_NOT_FOUND'],
  ['stop', 2, 'ERR_USAGE'],
  ['stop -t soon web', 2, 'ERR_OPTION_VALUE'],
  ['stop -t', 2, 'ERR_OPTION_VALUE_MISSING'],
  ['stop -s NOPE web nobody', 2, 'ERR_SIGNAL_UNKNOWN'],
  ['kill -s 99 web', 2, 'ERR_SIGNAL_UNKNOWN'],
  ['kill ended', 1, 'ERR_CONTAINER_NOT_RUNNING'],
  ['kill', 2, 'ERR_USAGE'],
  ['restart nobody', 1, 'ERR_CONTAINER_NOT_FOUND'],
  ['pause ended', 1, 'ERR_CONTAINER_NOT_RUNNING'],
  ['unpause web', 1, 'ERR_CONTAINER_PAUSED'],
  ['wait', 2, 'ERR_USAGE'],
  ['wait nobody', 1, 'ERR_CONTAINER_NOT_FOUND'],
  ['rm', 2, 'ERR_USAGE'],
  ['rename web', 2, 'ERR_USAGE'],
  ['rename nobody any', 1, 'ERR_CONTAINER_NOT_FOUND'],
  ['prune all', 2, 'ERR_USAGE'],
  ['ps web', 2, 'ERR_USAGE'],
  ['ps --filter colour=red', 2, 'ERR_FILTER'],
  ['ps --format {{.Nope}}', 2, 'ERR_TEMPLATE'],
  ['inspect', 2, 'ERR_USAGE'],
  ['inspect nobody', 1, 'ERR_CONTAINER_NOT_FOUND'],
  ['inspect -f {{.State.Pid web', 2, 'ERR_TEMPLATE'],
  ['logs', 2, 'ERR_USAGE'],
  ['logs nobody', 1, 'ERR_CONTAINER_NOT_FOUND'],
  ['logs --tail few web', 2, 'ERR_OPTION_VALUE'],
  ['top', 2, 'ERR_USAGE'],
  ['top ended', 1, 'ERR_CONTAINER_NOT_RUNNING'],
  ['top web -o colour', 2, 'ERR_COLUMN_UNKNOWN'],
  ['stats --no-stream nobody', 1, 'ERR_CONTAINER_NOT_FOUND'],
  ['events --since noon', 2, 'ERR_OPTION_VALUE'],
  ['events --filter colour=red', 2, 'ERR_FILTER'],
  ['attach', 125, 'ERR_USAGE'],
  ['attach web ended', 125, 'ERR_USAGE'],
  ['attach ended', 125, 'ERR_CONTAINER_NOT_RUNNING'],
  ['attach --sig-proxy=perhaps web', 125, 'ERR_OPTION_VALUE'],
  ['exec', 125, 'ERR_USAGE'],
  ['exec web', 125, 'ERR_USAGE'],
  ['exec nobody true', 125, 'ERR_CONTAINER_NOT_FOUND'],
  ['exec ended true', 125, 'ERR_CONTAINER_NOT_RUNNING'],
  ['exec -u nobody-such web true', 125, 'ERR_USER_UNKNOWN'],
  ['exec -w /no/such web true', 125, 'ERR_STEP'],
  ['exec -w tmp web true', 125, 'ERR_WORKDIR'],
  ['exec -it web sh', 125, 'ERR_NOT_A_TTY'],
  ['exec -d web no-such-command', 127, 'ERR_COMMAND_NOT_FOUND'],
  ['cp web:/etc/passwd', 2, 'ERR_USAGE'],
  ['cp nobody:/etc .', 1, 'ERR_CONTAINER_NOT_FOUND'],
  ['diff', 2, 'ERR_USAGE'],
  ['diff nobody', 1, 'ERR_CONTAINER_NOT_FOUND'],
  ['gc now', 2, 'ERR_USAGE'],
];

test('every mistake has one message with its reason and remedy, and changes nothing', async () => {
  await run('web', ['sleep', '74008']);
  await run('ended', ['true']);
  await ok('wait', 'ended');
  const before = await ok('ps', '-a', '--format', '{{.ID}} {{.Names}} {{.State}}');
  const wanted = wrong.map(([args, exit, code]) => `${args}: ${exit} ${code}`);
  const seen: string[] = [];
  for (let next = 0; next < wrong.length; next += 3) {
    const some = wrong.slice(next, next + 3).map(async ([args]) => {
      const { exit, code, message, fix } = await refusal(...args.split(' '));
      assert.match(message, /^Cannot [^:].*: ./s, args);
      assert.ok(fix !== undefined && !fix.includes('likely a defect'), `${args}: ${message}: no remedy`);
      return `${args}: ${exit} ${code}`;
    });
    seen.push(...(await Promise.all(some)));
  }
  assert.deepEqual(seen, wanted);
  assert.equal(await ok('ps', '-a', '--format', '{{.ID}} {{.Names}} {{.State}}'), before);
});
