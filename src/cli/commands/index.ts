import type { Command } from '../command.js';

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** `container` where the exit code is otherwise that of a container's command. Default `ordinary`. */
  readonly exitCodes?: 'ordinary' | 'container';
  /** Actions whose exit code is otherwise that of a command of the user's. */
  readonly commandActions?: readonly string[];
  /** Evaluates the command's modules, which nobody else does: start-up pays for one command only. */
  readonly load: () => Promise<Command>;
}

export const commandEntries: readonly CommandEntry[] = [
  {
    name: 'run',
    summary: 'Run a command in namespaces of its own.',
    exitCodes: 'container',
    load: async () => (await import('./run.js')).runCommand,
  },
  {
    name: 'create',
    summary: 'Make a container and do not start it.',
    exitCodes: 'container',
    load: async () => (await import('./create.js')).createCommand,
  },
  {
    name: 'start',
    summary: 'Start containers that do not run.',
    exitCodes: 'container',
    load: async () => (await import('./start.js')).startCommand,
  },
  {
    name: 'exec',
    summary: 'Run one more command in a container that runs.',
    exitCodes: 'container',
    load: async () => (await import('./exec.js')).execCommand,
  },
  {
    name: 'attach',
    summary: 'Join a running container.',
    exitCodes: 'container',
    load: async () => (await import('./attach.js')).attachCommand,
  },
  {
    name: 'stop',
    summary: 'Stop containers: their stop signal, then SIGKILL.',
    load: async () => (await import('./lifecycle.js')).stopCommand,
  },
  {
    name: 'kill',
    summary: 'Send a signal to containers.',
    load: async () => (await import('./lifecycle.js')).killCommand,
  },
  {
    name: 'restart',
    summary: 'Stop containers and start them again.',
    load: async () => (await import('./lifecycle.js')).restartCommand,
  },
  {
    name: 'pause',
    summary: 'Freeze all processes of containers.',
    load: async () => (await import('./lifecycle.js')).pauseCommand,
  },
  {
    name: 'unpause',
    summary: 'Let paused containers go on.',
    load: async () => (await import('./lifecycle.js')).unpauseCommand,
  },
  {
    name: 'wait',
    summary: 'Wait until containers have ended; prints their exit codes.',
    load: async () => (await import('./lifecycle.js')).waitCommand,
  },
  {
    name: 'logs',
    summary: 'Print what a container has written.',
    load: async () => (await import('./logs.js')).logsCommand,
  },
  {
    name: 'ps',
    summary: 'List containers.',
    load: async () => (await import('./ps.js')).psCommand,
  },
  {
    name: 'inspect',
    summary: 'Print everything about containers, as JSON or by a template.',
    load: async () => (await import('./inspect.js')).inspectCommand,
  },
  {
    name: 'top',
    summary: 'List the processes of a container.',
    load: async () => (await import('./top.js')).topCommand,
  },
  {
    name: 'stats',
    summary: 'Show what containers use, as it changes.',
    load: async () => (await import('./stats.js')).statsCommand,
  },
  {
    name: 'events',
    summary: 'Print what happens to containers, as it happens.',
    load: async () => (await import('./events.js')).eventsCommand,
  },
  {
    name: 'diff',
    summary: 'List what a container has changed in its root.',
    load: async () => (await import('./diff.js')).diffCommand,
  },
  {
    name: 'cp',
    summary: 'Copy files into a container, or out of it.',
    load: async () => (await import('./cp.js')).cpCommand,
  },
  {
    name: 'port',
    summary: 'Show, add and take back published ports of a container.',
    load: async () => (await import('./network-port.js')).portCommand,
  },
  {
    name: 'network',
    summary: 'Make, list and remove networks; put containers into them.',
    load: async () => (await import('./network.js')).networkCommand,
  },
  {
    name: 'update',
    summary: 'Change limits and restart policy of containers.',
    load: async () => (await import('./update.js')).updateCommand,
  },
  {
    name: 'rename',
    summary: 'Give a container another name.',
    load: async () => (await import('./lifecycle.js')).renameCommand,
  },
  {
    name: 'rm',
    summary: 'Remove containers.',
    load: async () => (await import('./lifecycle.js')).rmCommand,
  },
  {
    name: 'prune',
    summary: 'Remove all containers that do not run.',
    load: async () => (await import('./lifecycle.js')).pruneCommand,
  },
  {
    name: 'sysctl',
    summary: 'Read and set kernel parameters, in any namespace.',
    load: async () => (await import('./sysctl.js')).sysctlCommand,
  },
  {
    name: 'netns',
    summary: 'Named network namespaces: make, list, show, wire, run commands in them.',
    commandActions: ['exec'],
    load: async () => (await import('./netns.js')).netnsCommand,
  },
  {
    name: 'veth',
    summary: 'Find the other end of a veth, and whose it is.',
    load: async () => (await import('./veth.js')).vethCommand,
  },
  {
    name: 'ns',
    summary: 'List the namespaces of this machine, who holds them, and what leaks.',
    load: async () => (await import('./ns.js')).nsCommand,
  },
  {
    name: 'enter',
    summary: 'Run a command in namespaces of a container, a process or a file.',
    exitCodes: 'container',
    load: async () => (await import('./enter.js')).enterCommand,
  },
  {
    name: 'caps',
    summary: 'Show, explain and find out capabilities.',
    load: async () => (await import('./caps.js')).capsCommand,
  },
  {
    name: 'ids',
    summary: 'Show how user and group ids are mapped, and why a map is refused.',
    load: async () => (await import('./ids.js')).idsCommand,
  },
  {
    name: 'gc',
    summary: 'Remove what killed containers have left; never what is alive.',
    load: async () => (await import('./gc.js')).gcCommand,
  },
  {
    name: 'completion',
    summary: 'Print a completion script for bash, zsh or fish.',
    load: async () => (await import('./completion.js')).completionCommand,
  },
];
