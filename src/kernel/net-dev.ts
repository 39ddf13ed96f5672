export interface DeviceTraffic {
  readonly device: string;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** The devices of `/proc/PID/net/dev`, those of the process's network namespace; see proc_pid_net(5). */
export function parseNetDev(text: string): DeviceTraffic[] {
  return text.split('\n').flatMap((line) => {
    const [, device, counters = ''] = /^\s*(\S+):\s*(.*)$/.exec(line) ?? [];
    const numbers = counters.trim().split(/\s+/).map(Number);
    const [receivedBytes, sentBytes] = [numbers[0], numbers[8]];
    if (device === undefined || receivedBytes === undefined || sentBytes === undefined) return [];
    return Number.isFinite(receivedBytes + sentBytes) ? [{ device, receivedBytes, sentBytes }] : [];
  });
}
