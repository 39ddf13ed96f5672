import type { Command } from '../command.js';

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** `container` where the exit code is otherwise that of a container's command. Default `ordinary`. */
  readonly exitCodes?: 'ordinary' | 'container';
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
    name: 'sysctl',
    summary: 'Read and set kernel parameters, in any namespace.',
    load: async () => (await import('./sysctl.js')).sysctlCommand,
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
