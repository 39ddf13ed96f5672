export type { AttachOptions, Attachment } from './attach.js';
export { parseLogOptions, parseRestartPolicy } from './checked-options.js';
export {
  connectNetwork,
  disconnectNetwork,
  publishContainerPorts,
  unpublishContainerPorts,
} from './connect-network.js';
export { DetachedContainer } from './container.js';
export type { ContainerEvent } from './events.js';
export type { ExecOptions, SpawnOptions } from './exec.js';
export { stateRoot } from '../state-root.js';
export { inspectContainer, inspectRunning, type InspectedContainer } from './inspect.js';
export type { LogEntry, LogFrame, LogPosition, LogStream, ReadLogOptions } from './log/read.js';
export type * from './options.js';
export { readContainerProcesses, type ContainerProcess } from './processes.js';
export { readEvents, type ReadEventsOptions, type RecordedEvent } from './read-events.js';
export type * from './record.js';
export { readContainerStats, watchStats, type ContainerStats, type WatchStatsOptions } from './stats.js';
export { ContainerStore, openContainers, type DamagedContainer, type Listing } from './store.js';
