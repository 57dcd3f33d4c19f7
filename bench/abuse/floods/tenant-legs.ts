import { randomBytes } from 'node:crypto';
import { legIdentity } from '../../setup/cluster.js';
import { Load } from '../../setup/load.js';
import type { Datagram } from '../../setup/many-sources.js';
import { allocateRequest, challengeRequest, connectRequest } from '../../setup/requests.js';
import { inventedIp, SOURCE_PORTS } from '../../setup/source-addresses.js';
import { datagramAttack, Nonces } from '../datagram-attack.js';
import type { Attack, Flood, Target } from '../flood.js';
import { ATTACKER } from '../tenants.js';

/** Number of source addresses of the tenant's peers. */
const ADDRESSES = 64;
const LIFETIME_SECONDS = 600;
const NOBODY = { address: '127.250.0.1', port: 9 };
const CHURN_CONNECTIONS = 400;
const CHURN_WINDOW = 64;

interface Legs {
  readonly legsPerSecond: number;
  /** Whether both peers of each connection allocate, one at each relay. */
  readonly both: boolean;
}

/** Returns a flood of legs whose Connect names an address without the partner. */
function legs({ legsPerSecond, both }: Legs): Flood['begin'] {
  return async (target, level) => {
    const nonces = new Nonces();
    const make = (number: number) => legOf(number, target, { nonces, both });
    return datagramAttack(legsPerSecond * level, make, nonces.learn);
  };
}

function legOf(
  number: number,
  target: Target,
  { nonces, both }: { nonces: Nonces; both: boolean },
): Datagram[] {
  const from = inventedIp(number % ADDRESSES);
  const port = Math.floor(number / ADDRESSES) % SOURCE_PORTS;
  const nonce = nonces.of(from);
  const roles = both ? ([0, 1] as const) : ([0] as const);
  const connectionId = randomBytes(16).toString('hex');
  return roles.flatMap((role) => {
    const to = target.relays[role].service;
    const peerRelay = target.relays[role === 0 ? 1 : 0].service;
    if (nonce === undefined) return [{ from, port, to, data: challengeRequest(randomBytes(12)) }];
    const signing = { identity: legIdentity(connectionId, role, ATTACKER.tenant), nonce };
    const id = () => randomBytes(12);
    const allocate = allocateRequest(id(), signing, {
      peerRelay,
      lifetimeSeconds: LIFETIME_SECONDS,
    });
    const connect = connectRequest(id(), signing, NOBODY);
    return [allocate, connect].map((data) => ({ from, port, to, data }));
  });
}

/** Sets up connections and closes them again, as fast as the relays respond. */
async function churn({ relays }: Target, level: number): Promise<Attack> {
  const pair = [relays[0].service, relays[1].service] as const;
  const load = new Load({
    relays: pair,
    connectionsMax: CHURN_CONNECTIONS,
    tenant: ATTACKER.tenant,
  });
  await load.challenge();
  let ended = false;
  const window = Math.max(1, Math.round(CHURN_WINDOW * level));
  const run = async () => {
    while (!ended) {
      load.prepare(Math.max(window, Math.round(CHURN_CONNECTIONS * level)));
      await load.establish(window);
      if (ended) return;
      await load.close(window);
    }
  };
  // A relay that no longer responds ends the churn; the victim's figures show it.
  const running = run().catch(() => {});
  return {
    tally: () => load.bytes,
    end: async () => {
      ended = true;
      await running;
      await load.end();
    },
  };
}

/** Floods of a tenant's peers with valid credentials. */
export const TENANT_LEGS: readonly Flood[] = [
  {
    name: 'half-open',
    title: '1,000/s legs of one tenant whose partners never connect',
    attacked: 'relay',
    quick: true,
    begin: legs({ legsPerSecond: 1_000, both: false }),
  },
  {
    name: 'wrong-connects',
    title: '500/s connections of one tenant whose two peers name other addresses (403)',
    attacked: 'relay',
    begin: legs({ legsPerSecond: 500, both: true }),
  },
  {
    name: 'churn',
    title: 'one tenant allocates, connects and closes, 64 connections at a time',
    attacked: 'relay',
    begin: churn,
  },
];
