import { createHash } from 'node:crypto';
import { SERVER_PORT } from '../addresses.js';
import { ToolProcess, toolArguments, toolPath } from '../programs.js';
import { firstServer, type Scene } from '../scene.js';
import { TURN_USER } from './turn-spec.js';
import { CHANNEL } from './turnpike-spec.js';

/** The allocations that the rig's TURN client makes. */
export interface AllocationsWish {
  /** Number of allocations, each of another client with another peer. */
  readonly flows: number;
  /** Allocations under way at once; default 16. */
  readonly window?: number;
  /** Clients of one address; default as `clientAddress`. */
  readonly portsPerAddress?: number;
  /** Whether each gets a permission instead of a channel. */
  readonly indications?: boolean;
  /** First client and first peer, as `address:port`. */
  readonly source: string;
  readonly peer: string;
}

/** What the rig's TURN client reports. */
export interface TurnClientReport {
  readonly elapsedNs: number;
  /** CPU time of the client itself. */
  readonly cpuNs: number;
  readonly retransmissions: number;
  /** Time from an allocation's first request to its last response. */
  readonly p50Ns: number;
  readonly p99Ns: number;
  /** Number of refused allocations by error code; code 0 is no response. */
  readonly failures: Readonly<Record<string, number>>;
  /** The relayed transport address of each client, as `address:port`. */
  readonly relayed: readonly string[];
}

/**
 * Makes allocations at the scene's server from its near end, with the long-term credential
 * mechanism and MESSAGE-INTEGRITY, which every server knows. They stay when the client has ended.
 * @throws Error when the client fails; not for allocations that the server refuses
 */
export async function makeAllocations(
  scene: Scene,
  { flows, window, portsPerAddress, indications, source, peer }: AllocationsWish,
): Promise<TurnClientReport> {
  const { username, password, realm } = TURN_USER;
  const argv = toolArguments({
    server: `${firstServer(scene).near.address}:${SERVER_PORT}`,
    source,
    peer,
    flows,
    ...(window !== undefined && { window }),
    ...(portsPerAddress !== undefined && { 'ports-per-address': portsPerAddress }),
    ...(indications !== true && { channel: CHANNEL }),
    username,
    key: createHash('md5').update(`${username}:${realm}:${password}`).digest('hex'),
  });
  const { generator } = scene.cpus;
  const spawned = scene.spawn(scene.near, generator, [toolPath('turn_client'), ...argv]);
  const client = new ToolProcess(spawned, 'the TURN client');
  try {
    return await client.result<TurnClientReport>();
  } finally {
    await client.stop();
  }
}

/** Returns the refusals of a report as text: `3 × 486, 1 × no response`; empty for none. */
export function failuresText({ failures }: Pick<TurnClientReport, 'failures'>): string {
  return Object.entries(failures)
    .map(([code, count]) => `${count} × ${code === '0' ? 'no response' : code}`)
    .join(', ');
}
