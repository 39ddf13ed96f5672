/** How a container stands, in docker's words: `Up 3 minutes`, `Exited (137) 5 seconds ago`. */
import type { ContainerStatus } from './record.js';

/** @param nowMs Milliseconds since 1970. */
export function describeStatus(status: ContainerStatus, nowMs: number): string {
  const since = (time: string): string => humanDuration(nowMs - Date.parse(time));
  switch (status.state) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${since(status.startedAt)}`;
    case 'paused':
      return `Up ${since(status.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${status.exitCode}) ${since(status.finishedAt)} ago`;
    case 'exited':
      return `Exited (${status.exitCode}) ${since(status.finishedAt)} ago`;
    case 'dead':
      return 'Dead';
  }
}

const HOURS_A_WEEK = 24 * 7;
const HOURS_A_MONTH = 24 * 30;
const HOURS_A_YEAR = 24 * 365;

/** A length of time, roughly, in docker's words and with its limits. What a clock that was set back makes negative is no time. */
export function humanDuration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (!(seconds >= 1)) return 'Less than a second';
  if (seconds < 60) return seconds === 1 ? '1 second' : `${seconds} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes === 1 ? 'About a minute' : `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours < 48) return hours === 1 ? 'About an hour' : `${hours} hours`;
  if (hours < 2 * HOURS_A_WEEK) return `${Math.floor(hours / 24)} days`;
  if (hours < 2 * HOURS_A_MONTH) return `${Math.floor(hours / HOURS_A_WEEK)} weeks`;
  if (hours < 2 * HOURS_A_YEAR) return `${Math.floor(hours / HOURS_A_MONTH)} months`;
  return `${Math.floor(seconds / 3600 / HOURS_A_YEAR)} years`;
}
