import type { Test } from 'tap';
import { formatAddress, type TransportAddress } from '../../../src/address.js';
import { StaticUsers } from '../../../src/auth/static-users.js';
import { TurnVerifier } from '../../../src/auth/turn-verifier.js';
import type { TransportHandle } from '../../../src/native/transport-handle.js';
import { AttributeType } from '../../../src/stun/attribute-types.js';
import { Method } from '../../../src/stun/methods.js';
import { peerKey } from './fake-plane.js';
import { StandardClient } from './standard-client.js';
import { World, type WorldRelay } from './world.js';

const PORTS = { min: 50_000, max: 50_999 };

const worlds: World[] = [];

/** Adds a relay that serves TURN at its own address, or at another. */
export function servingRelay(
  world: World,
  id: string,
  ip: string,
  { relayedIp = ip, xdp = false } = {},
): WorldRelay {
  const users = StaticUsers.parse({ given: [{ source: 'test', text: 'alice:secret' }] });
  const relay = world.addRelay(id, ip, {
    legsMax: 8,
    xdp,
    turn: {
      verifier: new TurnVerifier({ realm: 'turnpike', sources: [users] }),
      relayedAddresses: [{ address: relayedIp, advertised: relayedIp }],
      ports: PORTS,
      policy: { check: () => 'allowed', portsOf: () => PORTS },
      limits: { allocationsMax: 90, userQuota: 90, permissionsMax: 5, channelsMax: 9 },
      defaultFamily: 'ipv4',
      authenticate: undefined,
      authenticateTimeoutMs: 5_000,
      mobility: false,
      softwareAttribute: false,
      userBandwidth: 0,
      alternateServers: [],
      onEvent: undefined,
    },
  });
  let handles = 500;
  relay.plane.onOpen = async (spec) => {
    handles += 1;
    return { ...spec, handle: handles as TransportHandle };
  };
  return relay;
}

/** A client of a relay, with an allocation. */
export class Allocated {
  readonly #client: StandardClient;
  readonly relay: WorldRelay;
  readonly relayed: TransportAddress;
  readonly handle: TransportHandle;

  private constructor(client: StandardClient, relay: WorldRelay, relayed: TransportAddress) {
    this.#client = client;
    this.relay = relay;
    this.relayed = relayed;
    this.handle = Allocated.#handles.get(relay) as TransportHandle;
  }

  static readonly #handles = new Map<WorldRelay, number>();

  static async open(world: World, relay: WorldRelay, address: string): Promise<Allocated> {
    const client = new StandardClient(world, relay, {
      address,
      username: 'alice',
      password: 'secret',
    });
    const answer = await client.allocate();
    const relayed = answer?.address(AttributeType.XorRelayedAddress);
    if (relayed === undefined) throw new Error('no allocation');
    Allocated.#handles.set(relay, (Allocated.#handles.get(relay) ?? 500) + 1);
    return new Allocated(client, relay, relayed);
  }

  async bind(peer: TransportAddress, number = 0x4000): Promise<boolean> {
    const answer = await this.#client.request(Method.ChannelBind, (writer) =>
      writer.channelNumber(number).address(AttributeType.XorPeerAddress, peer),
    );
    return answer?.messageClass === 'success';
  }

  async permit(...peers: TransportAddress[]): Promise<boolean> {
    const answer = await this.#client.request(Method.CreatePermission, (writer) => {
      for (const peer of peers) writer.address(AttributeType.XorPeerAddress, peer);
    });
    return answer?.messageClass === 'success';
  }

  async refresh(lifetimeSeconds: number): Promise<void> {
    await this.#client.request(Method.Refresh, (writer) =>
      writer.u32(AttributeType.Lifetime, lifetimeSeconds),
    );
  }

  /** Returns the way over the trunk to a peer; undefined for bare UDP. */
  wayTo({ relayed }: { readonly relayed: TransportAddress }) {
    return this.relay.plane.trunkPeers.get(peerKey({ relayed: this.handle, peer: relayed }));
  }
}

/** Makes two relays that serve TURN and know each other, with a client each. */
export async function twoClients({ xdp = false } = {}) {
  const world = new World();
  const fra = servingRelay(world, 'fra-1', '192.0.2.10', { xdp });
  const nyc = servingRelay(world, 'nyc-1', '192.0.2.20');
  world.introduce();
  world.pass(1_000);
  const a = await Allocated.open(world, fra, '203.0.113.50:5000');
  const b = await Allocated.open(world, nyc, '203.0.113.60:6000');
  worlds.push(world);
  return { world, fra, nyc, a, b };
}

/** Returns the sessions that lead to a client, with the peers that they come from. */
export const sessionsTo = ({ relay, handle }: Allocated) =>
  [...relay.plane.sessions].filter(([, { tuple }]) => tuple.handle === handle);

/** Returns whether everything that a client sends to another one goes over the trunk. */
export function isBound(from: Allocated, to: Allocated): boolean {
  const way = from.wayTo(to);
  const session = way && to.relay.plane.sessions.get(way.sessionIndex);
  if (session === undefined || session.channel !== undefined) return false;
  const { handle, remote } = session.tuple;
  return handle === to.handle && formatAddress(remote) === formatAddress(from.relayed);
}

/** Returns the requests to bind a channel that a relay has sent to other relays, in order. */
export const bindRequests = (world: World, { trunk }: WorldRelay) =>
  world.log.filter(({ from, data }) => {
    const isRequest = data[0] === 0x00 && data[1] === Method.ChannelBind;
    return isRequest && formatAddress(from) === formatAddress(trunk);
  });

/** Checks that no relay of `twoClients` has had an internal error; for the end of a file. */
export function noFaults(t: Test): void {
  for (const { relays } of worlds) {
    for (const { id, core } of relays.values()) t.equal(core.faults, 0, id);
  }
}
