import type { FlowWindow } from './flow.js';
import type { Expiry, Phase, RelayMemory, SetupResult } from './result.js';

/** Returns a measurement as lines of text. */
export function summary(result: SetupResult): string {
  const { options, idle, setUp, close, expiries, memory } = result;
  const latency = `p50 ${whole(setUp.p50Us)} us, p99 ${whole(setUp.p99Us)} us`;
  return [
    `${options.connections} connections, ${options.arrangement}`,
    `  flow alone: ${flowText(idle)}`,
    `  set up: ${phaseText(setUp)}; ${latency}; ${troubleText(setUp)}`,
    `  close:  ${phaseText(close)}; ${troubleText(close)}`,
    ...expiries.map(expiryText),
    ...memory.map(memoryText),
  ].join('\n');
}

function phaseText({ perSecond, seconds, relays, flow }: Phase): string {
  const costs = relays.map(
    ({ id, controlUsPerConnection, processUsPerConnection, stallMs, socketDrops }) =>
      `${id} ${controlUsPerConnection.toFixed(1)} us control` +
      ` (${processUsPerConnection.toFixed(1)} process),` +
      ` stall ${stallMs.toFixed(0)} ms, ${socketDrops} dropped`,
  );
  const rate = `${whole(perSecond)}/s in ${seconds.toFixed(2)} s`;
  return `${rate}; ${costs.join('; ')}; flow: ${flowText(flow)}`;
}

function expiryText(expiry: Expiry): string {
  const { connections, failed } = expiry;
  const without = failed === 0 ? '' : ` (${failed} more could not be set up)`;
  return `  expire ${connections}${without}: ${phaseText(expiry)}`;
}

function troubleText(phase: { failed: number; retransmissions: number }): string {
  return `${phase.failed} failed, ${phase.retransmissions} repeated`;
}

function flowText(flow: FlowWindow): string {
  const latency = `p50 ${whole(flow.p50Us)}, p99 ${whole(flow.p99Us)}, max ${whole(flow.maxUs)} us`;
  const pings = `pings p99 ${whole(flow.pingP99Us)}, max ${whole(flow.pingMaxUs)} us`;
  const late = `sender late ${flow.senderLateMs.toFixed(1)} ms`;
  const lost = `lost ${flow.lost} (${flow.lostAtReceiver} by the receiver) of ${flow.sent}`;
  return `${lost}, ${latency}, ${late}, ${pings} lost ${flow.pingsLost}`;
}

function memoryText({ id, perConnection, before, established, closed }: RelayMemory): string {
  const { privateBytes, residentBytes, heapUsedBytes, externalBytes } = perConnection;
  const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return (
    `  ${id}: ${whole(residentBytes)} B resident per connection (${whole(privateBytes)} private,` +
    ` heap ${whole(heapUsedBytes)}, external ${whole(externalBytes)});` +
    ` ${megabytes(before.residentBytes)} before, ${megabytes(established.residentBytes)}` +
    ` established, ${megabytes(closed.residentBytes)} closed`
  );
}

function whole(number: number): string {
  return Math.round(number).toLocaleString('en');
}
