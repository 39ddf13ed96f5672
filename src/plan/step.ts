import type {
  BindMount,
  CgroupGroup,
  CgroupMount,
  CgroupParent,
  DeviceNode,
  FileSystemMount,
  HiddenDirectory,
  IdRange,
  Layer,
  LayerFile,
  SkeletonEntry,
} from './config.js';
import type { NamespaceKind } from './constants.js';

/** One step of a plan: plain, serialisable. What it does on the kernel is in lower/, what it means to a reader in describe.ts. */
export type Step =
  // ── outside ──
  | { readonly op: 'adopt-orphans' }
  | { readonly op: 'open-namespace'; readonly kind: NamespaceKind; readonly path: string }
  | { readonly op: 'join-namespace'; readonly kind: NamespaceKind }
  | { readonly op: 'time-offsets'; readonly boottimeSec: number; readonly monotonicSec: number }
  | { readonly op: 'own-mounts' }
  | { readonly op: 'cgroup-parent'; readonly parent: CgroupParent }
  | { readonly op: 'cgroup'; readonly group: CgroupGroup; readonly name: string; readonly index: number }
  | { readonly op: 'clone'; readonly kinds: readonly NamespaceKind[]; readonly undumpable: boolean }
  | {
      readonly op: 'map-ids';
      readonly uid: readonly IdRange[];
      readonly gid: readonly IdRange[];
      readonly denySetgroups: boolean;
    }
  | { readonly op: 'open-user-namespace' }
  | { readonly op: 'hand-over-root' }
  | { readonly op: 'detach-root'; readonly backstage: number }
  | { readonly op: 'release' }
  | { readonly op: 'supervise'; readonly orphans: boolean; readonly termios: Uint8Array | undefined }
  // ── inside ──
  | { readonly op: 'enter'; readonly userNamespace: 'none' | 'new' | 'joined' }
  | { readonly op: 'join-cgroups'; readonly count: number; readonly namespace: boolean }
  | { readonly op: 'receive-root' }
  | { readonly op: 'open-source'; readonly mount: BindMount; readonly index: number }
  | { readonly op: 'propagation' }
  | { readonly op: 'scratch'; readonly sizeBytes: number | undefined }
  | { readonly op: 'attach-scratch' }
  | { readonly op: 'layer'; readonly layer: Layer; readonly index: number }
  | {
      readonly op: 'layer-directory';
      readonly index: number;
      /** Where the layer goes in the container, as `Layer.at`. */
      readonly at: string;
      readonly directory: HiddenDirectory;
      readonly opaque: boolean;
      readonly userXattr: boolean;
    }
  | { readonly op: 'layer-file'; readonly index: number; readonly at: string; readonly file: LayerFile }
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
  | {
      readonly op: 'collect-cgroups';
      readonly candidates: readonly { readonly parent: string; readonly name: string }[];
    }
  | {
      readonly op: 'leave';
      readonly kinds: readonly NamespaceKind[];
      readonly uid: number;
      readonly gid: number;
    }
  | { readonly op: 'probe-sysctls'; readonly paths: readonly string[] }
  | { readonly op: 'read-sysctl'; readonly path: string }
  | { readonly op: 'write-sysctl'; readonly path: string; readonly value: string };

export type StepOp = Step['op'];
export type StepOf<Op extends StepOp> = Extract<Step, { op: Op }>;

export interface Plan {
  readonly steps: readonly Step[];
}
