import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { TransportAddress } from '../address.js';
import { readDescriptors } from '../http/file-descriptors.js';
import { WORKERS_DEFAULT_MAX } from '../native/option-specs.js';
import type { RandomBytes } from '../random.js';
import type { PortRange, RelayedAddress } from '../turn/index.js';
import { type AllocationsLimit, allocationsLimit } from './allocations-limit.js';
import { hasIpv6 } from './local-addresses.js';
import { TURN_PORT } from './option-specs.js';
import type { CheckedTurnSettings } from './options.js';
import { parsePortRange, portsLeft } from './port-range.js';
import { type FoundRelayAddress, resolveRelayAddresses } from './resolve-relay-addresses.js';

/** What a plan is made of. */
export interface PlanInput
  extends Pick<
    CheckedTurnSettings,
    'relayPorts' | 'relayAddresses' | 'stunServer' | 'allocationsMax'
  > {
  readonly listen: readonly TransportAddress[];
  /** Addresses for other relays; default none. */
  readonly trunk?: readonly TransportAddress[] | undefined;
  readonly workers: number | undefined;
  readonly random?: RandomBytes | undefined;
}

/** What a server opens: its options, with what this host gives in place of those left out. */
export interface ServingPlan extends AllocationsLimit {
  readonly listen: readonly TransportAddress[];
  readonly relayAddresses: readonly RelayedAddress[];
  /** Those behind a NAT that changes ports. */
  readonly portsChanged: readonly FoundRelayAddress[];
  readonly ports: PortRange;
  readonly workers: number;
}

/**
 * Completes the options of a server from this host: its IPv6, default routes, CPUs and limit of
 * open files; and from a STUN server, if it is to be asked.
 * @throws TurnpikeError as `parsePortRange` and `resolveRelayAddresses`
 */
export async function servingPlan(options: PlanInput): Promise<ServingPlan> {
  const ports = parsePortRange(options.relayPorts);
  const listen = options.listen.length > 0 ? options.listen : await defaultListen();
  const { relayAddresses: texts, stunServer, random = randomBytes } = options;
  const found = await resolveRelayAddresses({
    ...{ relayAddresses: texts, stunServer, listen, ports, random },
  });
  const relayAddresses = found.map(({ address, advertised }) => ({ address, advertised }));
  const portsChanged = found.filter(({ portSeen }) => portSeen !== undefined);
  const workers = options.workers ?? Math.min(WORKERS_DEFAULT_MAX, availableParallelism());
  // A socket for which the kernel chooses the port, and the lanes of a trunk, are not known yet.
  const { trunk = [] } = options;
  const own = { clientAddresses: listen, trunkAddresses: trunk, trunkLanePorts: [] };
  const resources = {
    ports: portsLeft(own, { relayAddresses, ports }),
    workers,
    descriptors: readDescriptors(),
  };
  const limit = allocationsLimit(resources, options.allocationsMax);
  return { listen, relayAddresses, portsChanged, ports, workers, ...limit };
}

async function defaultListen(): Promise<TransportAddress[]> {
  const port = TURN_PORT;
  const ipv4 = { address: '0.0.0.0', port };
  return (await hasIpv6()) ? [ipv4, { address: '::', port }] : [ipv4];
}
