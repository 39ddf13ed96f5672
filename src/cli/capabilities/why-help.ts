/** `warren caps why --help`. */
export const helpText = `Usage: warren caps why [--by WAY] [--once] [--try CAP] [--json] [OPTIONS of warren run] -- COMMAND [ARG…]

Runs COMMAND in a throw-away container and watches the kernel's capability checks: which call was refused for want of
which capability, in which user namespace. Where the kernel does not tell, it watches which calls are refused. Then it runs COMMAND again, in other throw-away containers, with what was
wanted, until nothing is refused that a capability could cure: what it proposes has been tried.

      --by WAY   tracepoint: the kernel tells (root, Linux 6.14 or newer); experiment: it is found by trying, in containers
                 with a user namespace of their own. Default: tracepoint where that works, else experiment
      --once     run COMMAND once only: look, and try no cure
      --try CAP  also try this capability, though what it allows does not end at the container
      --json     print one JSON object
      --help     print this text

Tried without asking is only what the container's own namespaces keep inside. Never SYS_TIME, SYS_BOOT, SYS_MODULE and
their like: COMMAND would then really set the clock of the machine, or restart it.

What COMMAND does outside its container (on volumes, over the network) it does each time. Its output goes to standard
error, that of the first run. The exit code is 0 when nothing was refused, else 1.
`;
