import { invalid, quote } from '../../errors.js';
import { completionScript, completionShells } from '../completion.js';
import { defineCommand } from '../command.js';
import { STDOUT, writeText } from '../output.js';

/** `warren completion SHELL`. */
export const completionCommand = defineCommand({
  name: 'completion',
  summary: 'Print a script that makes a shell complete the command line of warren.',
  usage: completionShells,
  options: {},
  operands: completionShells,
  notes: `
To use it:
  bash:  source <(warren completion bash)
  zsh:   source <(warren completion zsh)
  fish:  warren completion fish | source`,
  async run({ operands, afterDashes = [] }) {
    const words = [...operands, ...afterDashes];
    const shell = completionShells.find((each) => each === words[0]);
    if (shell === undefined || words.length !== 1) {
      throw invalid(
        'ERR_SHELL',
        words.length === 0
          ? 'Cannot make a completion script'
          : `Cannot make a completion script for ${quote(words.join(' '))}`,
        words.length === 0 ? 'no shell is named' : 'there is no such shell here',
        `write warren completion ${completionShells.join('|')}`,
      );
    }
    const { commandEntries } = await import('./index.js');
    const commands = await Promise.all(commandEntries.map(async (entry) => entry.load()));
    writeText(STDOUT, completionScript(shell, commands));
    return 0;
  },
});
