import type { TransportAddress } from '../address.js';
import type { BindMessage } from '../trunk/bind-message.js';
import type { ControlOrder } from '../trunk/control-message.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import { AdvertisedAddresses } from './advertised-addresses.js';
import type { Allocation, RelayedTransportAddress } from './allocation.js';
import type { TurnContext } from './context.js';
import { type TrunkMeans, TrunkPeers } from './trunk-peers.js';
import { type SessionRules, TrunkSessions } from './trunk-sessions.js';
import type { PeerTrunk } from './turn-options.js';

/** What `TurnTrunk` shares with the rest of TURN. */
export interface TurnTrunkMeans
  extends Omit<TrunkMeans, 'trunk'>,
    Pick<SessionRules, 'portsOf'>,
    Pick<TurnContext, 'addresses'> {}

/**
 * What clients of two relays send to each other's relayed transport addresses over the trunk
 * (PROTOCOL.md section 3), in both directions.
 */
export class TurnTrunk {
  readonly #advertised = new AdvertisedAddresses();
  readonly #peers: TrunkPeers;
  readonly #sessions: TrunkSessions;

  constructor({ addresses, portsOf, ...given }: TurnTrunkMeans, trunk: PeerTrunk) {
    const others: PeerTrunk = {
      indexes: trunk.indexes,
      stats: trunk.stats,
      send: (...message) => trunk.send(...message),
      // What goes to an address of this server is delivered by the data plane's table.
      relayAt: (address) => (addresses.isOwn(address) ? undefined : trunk.relayAt(address)),
    };
    const means = { ...given, trunk: others };
    this.#peers = new TrunkPeers(means);
    const relayedAt = (address: TransportAddress) => this.#advertised.find(address);
    this.#sessions = new TrunkSessions(means, { relayedAt, portsOf });
  }

  /** Number of session indexes that other relays have. */
  get sessions(): number {
    return this.#sessions.size;
  }

  /**
   * Has a peer reached over the trunk if it is at another relay. Its IP address has a permission.
   * @param peer - with port 0, which a permission may name, nothing is done
   */
  want(relayed: RelayedTransportAddress, peer: TransportAddress): void {
    if (peer.port !== 0) this.#peers.want(relayed, peer);
  }

  /**
   * Has the peers of an allocation reached as is right now: over the trunk also those whose relay
   * was not known when they got their permission or channel.
   */
  wantAll({ permissions, channels }: Allocation): void {
    for (const { relayed, address, port } of permissions.values()) {
      this.want(relayed, { address, port });
    }
    for (const { state, relayed, peer } of channels.values()) {
      if (state === 'bound') this.want(relayed, peer);
    }
  }

  /** Handles an authentic message of another relay. */
  receive(remote: RemoteRelay, control: BindMessage, { repeated }: ControlOrder): void {
    switch (control.type) {
      case 'bind': {
        const relayed = this.#sessions.asked(remote, control, repeated);
        // A permission has no port; the other relay has just said one.
        if (relayed && !repeated) this.#peers.want(relayed, control.from, true);
        break;
      }
      case 'bind-accepted':
        this.#peers.accepted(remote, control);
        break;
      case 'bind-refused':
        this.#peers.refused(remote, control);
    }
  }

  /** Takes another relay's close of a session index of its own. */
  closed(remote: RemoteRelay, sessionIndex: number): void {
    this.#peers.closed(remote, sessionIndex);
  }

  /** Notes that a relay has restarted or fallen silent. */
  lost(remote: RemoteRelay): void {
    this.#peers.lost(remote);
  }

  /** Returns whether a session index of this relay is bound. */
  isBound(sessionIndex: number): boolean {
    return this.#sessions.isBound(sessionIndex);
  }

  /** Lets other relays bind to a relayed transport address, which is now an allocation's. */
  beginRelayed(relayed: RelayedTransportAddress): void {
    this.#advertised.add(relayed);
  }

  /** Ends what a relayed transport address has, which ends. */
  endRelayed(relayed: RelayedTransportAddress): void {
    this.#advertised.delete(relayed);
    this.#peers.endRelayed(relayed);
    this.#sessions.endRelayed(relayed);
  }

  /** Does what is due, within bounds. @returns whether work is left */
  tick(): boolean {
    const more = this.#peers.tick();
    return this.#sessions.tick() || more;
  }
}
