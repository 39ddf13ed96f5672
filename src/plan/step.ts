import type {
  BindMount,
  CgroupGroup,
  CgroupMount,
  CgroupParent,
  DeviceNode,
  FileSystemMount,
  HiddenDirectory,
  IdMapping,
  Layer,
  LayerFile,
  MonitorConfig,
  SkeletonEntry,
  UserNetwork,
} from './config.js';
import type { NamespaceKind } from './constants.js';

/** One step of a plan: plain, serialisable. What it does on the kernel is in lower/, what it means to a reader in describe.ts. */
export type Step =
  // ── outside ──
  | {
      readonly op: 'monitor';
      readonly id: string;
      readonly monitor: MonitorConfig;
      readonly terminal: boolean;
      readonly orphans: boolean;
    }
  | { readonly op: 'hand-over' }
  | { readonly op: 'adopt-orphans' }
  | { readonly op: 'open-namespace'; readonly kind: NamespaceKind; readonly path: string }
  | { readonly op: 'join-namespace'; readonly kind: NamespaceKind }
  | { readonly op: 'time-offsets'; readonly boottimeSec: number; readonly monotonicSec: number }
  | { readonly op: 'own-mounts' }
  | { readonly op: 'cgroup-parent'; readonly parent: CgroupParent }
  | { readonly op: 'cgroup'; readonly group: CgroupGroup; readonly name: string; readonly index: number }
  | { readonly op: 'device-program'; readonly program: Uint8Array; readonly index: number }
  | {
      readonly op: 'clone';
      readonly kinds: readonly NamespaceKind[];
      readonly undumpable: boolean;
      /** The new process is a child of the monitor's, not of the process that clones it. */
      readonly sibling: boolean;
      /** The control group it is born in, by its index. */
      readonly into?: number | undefined;
    }
  | ({ readonly op: 'map-ids' } & IdMapping)
  | { readonly op: 'user-network'; readonly network: UserNetwork }
  /** Which calls of the command are refused, and all calls with these numbers, for the descriptor in slot `trace`. */
  | { readonly op: 'trace'; readonly watched: readonly number[] }
  | { readonly op: 'open-user-namespace' }
  /** Of a volume whose source is open. */
  | { readonly op: 'map-volume'; readonly mount: BindMount; readonly index: number }
  | { readonly op: 'hand-over-root' }
  | { readonly op: 'detach-root'; readonly backstage: number }
  | { readonly op: 'release' }
  /** `born`: for a clone into it, which only cgroup v2 has. */
  | {
      readonly op: 'open-cgroup';
      readonly directory: string;
      readonly index: number;
      readonly born?: boolean;
    }
  | { readonly op: 'own-oom-score'; readonly value: number }
  | { readonly op: 'supervise'; readonly orphans: boolean; readonly termios: Uint8Array | undefined }
  // ── inside ──
  | { readonly op: 'enter'; readonly userNamespace: 'none' | 'new' | 'joined' }
  | {
      readonly op: 'join-cgroups';
      readonly count: number;
      /** The one it is in already. */
      readonly into: number | undefined;
      readonly namespace: boolean;
    }
  /** `into`: the one that the process was born in. */
  | { readonly op: 'join-members'; readonly count: number; readonly into?: number | undefined }
  | {
      /** Namespaces of the process behind the pidfd in slot `target`; on either side of the clone. */
      readonly op: 'join-process';
      readonly kinds: readonly NamespaceKind[];
      /** Of the user namespace that one is in now. */
      readonly becomeRoot: boolean;
    }
  | { readonly op: 'open-root'; readonly path: string }
  | { readonly op: 'enter-root' }
  | { readonly op: 'take-target'; readonly readOnly: boolean }
  | { readonly op: 'attach-target'; readonly at: string }
  | { readonly op: 'fresh-sysfs' }
  | { readonly op: 'cover'; readonly source: string; readonly target: string }
  | { readonly op: 'exec-terminal'; readonly rows: number; readonly columns: number; readonly uid: number }
  | { readonly op: 'receive-root' }
  | { readonly op: 'open-source'; readonly mount: BindMount; readonly index: number }
  | { readonly op: 'propagation' }
  | { readonly op: 'scratch'; readonly sizeBytes: number | undefined; readonly store: string | undefined }
  | { readonly op: 'attach-scratch' }
  | { readonly op: 'layer'; readonly layer: Layer; readonly index: number; readonly stored: boolean }
  | {
      readonly op: 'layer-directory';
      readonly index: number;
      /** Where the layer goes in the container, as `Layer.at`. */
      readonly at: string;
      readonly directory: HiddenDirectory;
      readonly opaque: boolean;
      readonly userXattr: boolean;
      readonly stored: boolean;
    }
  | {
      readonly op: 'layer-file';
      readonly index: number;
      readonly at: string;
      readonly file: LayerFile;
      readonly stored: boolean;
    }
  | { readonly op: 'layer-ready'; readonly index: number }
  | {
      readonly op: 'overlay';
      readonly layer: Layer;
      readonly index: number;
      readonly userXattr: boolean;
      readonly idMapped: boolean;
    }
  | { readonly op: 'skeleton'; readonly entries: readonly SkeletonEntry[] }
  | { readonly op: 'directory-root'; readonly path: string }
  | { readonly op: 'attach-root' }
  | { readonly op: 'attach-layer'; readonly at: string }
  | { readonly op: 'mount'; readonly mount: FileSystemMount; readonly keep: string | undefined }
  | { readonly op: 'devices'; readonly devices: readonly DeviceNode[]; readonly bind: boolean }
  | {
      readonly op: 'bind-system';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      /** The slot that goes on holding the mount. */
      readonly keep: string | undefined;
    }
  | {
      readonly op: 'cgroups';
      readonly hierarchies: readonly CgroupMount[];
      readonly readOnly: boolean;
      readonly fresh: boolean;
    }
  | { readonly op: 'bind'; readonly mount: BindMount; readonly index: number }
  | { readonly op: 'loopback' }
  | { readonly op: 'sysctl'; readonly path: string; readonly value: string }
  | { readonly op: 'oom-score'; readonly value: number }
  | { readonly op: 'empty-directory' }
  | { readonly op: 'mask'; readonly path: string }
  | { readonly op: 'read-only-path'; readonly path: string }
  | { readonly op: 'terminal'; readonly rows: number; readonly columns: number; readonly uid: number }
  | { readonly op: 'read-only-root' }
  | { readonly op: 'pivot' }
  | { readonly op: 'hostname'; readonly name: string }
  | { readonly op: 'domainname'; readonly name: string }
  | { readonly op: 'working-directory'; readonly path: string }
  | { readonly op: 'umask'; readonly mask: number }
  | {
      readonly op: 'rlimit';
      readonly resource: number;
      readonly name: string;
      readonly soft: bigint;
      readonly hard: bigint;
    }
  | { readonly op: 'bounding'; readonly keep: bigint; readonly last: number }
  | {
      readonly op: 'user';
      readonly uid: number;
      readonly gid: number;
      readonly additionalGids: readonly number[] | undefined;
    }
  | {
      readonly op: 'capabilities';
      readonly available: bigint;
      readonly inheritable: bigint;
      readonly ambient: bigint;
    }
  | { readonly op: 'no-new-privileges' }
  | { readonly op: 'die-with-parent' }
  | { readonly op: 'init'; readonly terminal: boolean; readonly keep: bigint }
  | { readonly op: 'close-rest' }
  | { readonly op: 'seccomp'; readonly program: Uint8Array; readonly flags: number }
  | { readonly op: 'unblock-signals' }
  | {
      readonly op: 'exec';
      readonly paths: readonly string[];
      readonly argv: readonly string[];
      readonly env: readonly string[];
    }
  // ── probes ──
  | { readonly op: 'hold-root' }
  | { readonly op: 'remove-tree'; readonly path: string }
  | {
      readonly op: 'collect-cgroups';
      readonly candidates: readonly { readonly parent: string; readonly name: string }[];
    }
  | {
      readonly op: 'leave';
      readonly kinds: readonly NamespaceKind[];
      /** What 0 is in the namespaces left, where there is a new user namespace. */
      readonly uid: number;
      readonly gid: number;
      /** Become them first: only somebody else's own ids can be mapped by the launcher itself. */
      readonly become?: boolean;
    }
  | { readonly op: 'hand-over-namespace'; readonly kind: NamespaceKind }
  | { readonly op: 'hand-over-sysctls'; readonly path: string }
  | {
      /** Over a file of the mount namespace that the launcher is in; no link leads there. */
      readonly op: 'mount-over';
      readonly index: number;
      readonly target: string;
    }
  | {
      /** Writes all values of each, one after the other; what the kernel refuses is left out. */
      readonly op: 'mark-sysctls';
      readonly marks: readonly { readonly path: string; readonly values: readonly string[] }[];
    }
  | { readonly op: 'survey-sysctls'; readonly paths: readonly string[] }
  | { readonly op: 'probe-sysctls'; readonly paths: readonly string[] }
  | { readonly op: 'read-sysctl'; readonly path: string }
  | { readonly op: 'write-sysctl'; readonly path: string; readonly value: string };

export type StepOp = Step['op'];
export type StepOf<Op extends StepOp> = Extract<Step, { op: Op }>;

export interface Plan {
  readonly steps: readonly Step[];
}
