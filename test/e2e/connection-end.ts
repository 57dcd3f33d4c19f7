import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import type { RemoteFailure } from '../lab/rpc.js';
import type { RemotePeer } from './peer-agent.js';

/** Above the 5 s of liveness.md, since the machine may be busy with other tests. */
const SOON_MS = 8_000;

/**
 * Waits until a connection ends, and asserts that it took no more than `SOON_MS`.
 * @param sinceMs - time of the event that ends it, as `performance.now()`
 * @returns the error of its close event, or null
 */
export async function endOf(
  t: Test,
  peer: RemotePeer,
  sinceMs: number,
): Promise<RemoteFailure | null> {
  const late = sleep(2 * SOON_MS, 'late' as const);
  const failure = await Promise.race([peer.closed, late]);
  if (failure === 'late') throw new Error(`the connection by ${peer.relayId} has not ended`);
  const tookMs = performance.now() - sinceMs;
  t.ok(tookMs <= SOON_MS, `${failure?.reason} after ${Math.round(tookMs)} ms`);
  return failure;
}
