/** Changes of several steps, which Ctrl-C does not stop in the middle. */
import { WarrenError } from '../errors.js';

const signals = ['SIGHUP', 'SIGINT', 'SIGTERM'] as const;

/**
 * Carries out a change that takes moments. A signal waits for its end, or for what it takes back where it looks at the
 * `AbortSignal`; then the process ends by that signal, as if it had come a moment later. A second one ends it at once.
 */
export async function unbroken<T>(change: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let interruptedBy: NodeJS.Signals | undefined;
  const listen = (signal: NodeJS.Signals): void => {
    interruptedBy = signal;
    controller.abort();
    forget();
  };
  const forget = (): void => {
    for (const signal of signals) process.off(signal, listen);
  };
  for (const signal of signals) process.on(signal, listen);
  let isFailed = false;
  try {
    return await change(controller.signal);
  } catch (error) {
    // What failed for another reason has something to say.
    isFailed = !(error instanceof WarrenError && error.kind === 'cancelled');
    throw error;
  } finally {
    forget();
    if (interruptedBy !== undefined && !isFailed) process.kill(process.pid, interruptedBy);
  }
}
