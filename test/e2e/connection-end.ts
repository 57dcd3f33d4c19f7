import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import type { RemoteFailure } from '../lab/rpc.js';
import type { RemotePeer } from './peer-agent.js';

/** Generous: what is measured takes 5 s at most, on a machine that may be busy with others. */
const SOON_MS = 8_000;

/**
 * How a connection ended, as the agent tells it; asserts that it was soon.
 * @param sinceMs - when what ended it happened
 */
export async function endOf(
  t: Test,
  peer: RemotePeer,
  sinceMs: number,
): Promise<RemoteFailure | null> {
  const late = sleep(2 * SOON_MS, 'late' as const);
  const failure = await Promise.race([peer.closed, late]);
  if (failure === 'late') throw new Error(`the connection by ${peer.relayId} is still there`);
  const tookMs = performance.now() - sinceMs;
  t.ok(tookMs <= SOON_MS, `${failure?.reason} after ${Math.round(tookMs)} ms`);
  return failure;
}
