import type { XdpStatus } from '../../../src/native/types.js';
import type { ToolProcess } from '../programs.js';
import { type Scene, turned } from '../scene.js';
import { threadKernelWork } from '../server-devices.js';
import type { OnStop } from '../start-in-steps.js';
import type { Running, Stream } from '../types.js';

/**
 * Changes started servers and their streams for XDP.
 * @param scene - with the sending end as its near end
 * @param tools - the servers, each of which prints `xdp ` with an `XdpStatus` in JSON
 * @throws Error if XDP is off, with the reason
 */
export async function throughXdp(
  scene: Scene,
  started: Omit<Running, 'stop'>,
  tools: readonly ToolProcess[],
  onStop: OnStop,
): Promise<Omit<Running, 'stop'>> {
  for (const tool of tools) {
    const { mode, reason = 'no reason given' } = JSON.parse(await tool.line('xdp ')) as XdpStatus;
    if (mode === 'off') throw new Error(`XDP is off: ${reason}`);
  }
  const { back } = started;
  const ends = back === undefined ? [scene] : [scene, turned(scene)];
  const rows = ends.map(({ servers }) => servers.map(({ near }) => near));
  const threads = await threadKernelWork(scene, onStop, rows);
  // Live generators wait busily, so two of them cannot share a CPU.
  const mayLive = back === undefined;
  return {
    // Packets to sockets use the processes' time, all others the threads' time.
    pids: [...threads, ...started.pids],
    ...streamThroughXdp(started, mayLive),
    ...(back && { back: streamThroughXdp(back, mayLive) }),
  };
}

function streamThroughXdp({ load, arrivals }: Stream, mayLive: boolean): Stream {
  const isLive = mayLive && (load.content === 'channel' || load.content === 'raw');
  return {
    load: isLive
      ? { ...load, generator: 'live' }
      : { ...load, extra: { ...load.extra, checksum: 'full' } },
    arrivals: { ...arrivals, hook: 'xdp' },
  };
}
