import { isTurnpikeError } from '../errors.js';
import type { AllocationFlowTraffic, SessionAction, TrunkRoute } from '../native/types.js';
import type { Origin } from '../stun-server/origin.js';
import {
  type Allocation,
  type Channel,
  noTraffic,
  type Permission,
  type Place,
  type RelayedTransportAddress,
  type TrafficSums,
} from './allocation.js';
import type { AllocationTraffic } from './allocation-events.js';
import { type EntryBounds, EntryRoom } from './entry-room.js';
import type { RefusalReason } from './refusals.js';
import type { TrunkPeer } from './trunk-peers.js';
import { TURN_LIMITS } from './turn-limits.js';
import type { PortRange, TurnPlane } from './turn-options.js';

/**
 * Whether the data plane has an entry. `busy`: a queue is full, so the same call may succeed soon.
 * `full`: a table is full. `unsendable`: its sockets cannot send to the peer.
 */
type PutResult = 'done' | 'busy' | 'full' | 'unsendable';

/** What has entries in the data plane. */
type Stored = RelayedTransportAddress | Permission | Channel | TrunkPeer;

/**
 * Returns the lifetime that an entry of the data plane has left, in whole seconds, at least 1.
 * @param entry - with the end of its lifetime, monotonic ms
 * @param now - monotonic ms
 */
export function secondsLeft({ expiresAt }: { readonly expiresAt: number }, now: number): number {
  return Math.max(1, Math.ceil((expiresAt - now) / 1_000));
}

/** Returns the refusal for an entry that the data plane has not taken. */
export function refusalOf(result: Exclude<PutResult, 'done'>): RefusalReason {
  switch (result) {
    case 'busy':
      return 'data-plane-busy';
    case 'full':
      return 'data-plane-full';
    case 'unsendable':
      return 'peer-denied';
  }
}

/**
 * The data plane's entries of allocations. An entry is removed when its lifetime is over, since the
 * plane keeps its slot; its traffic is added to the allocation's sums before.
 */
export class Forwarding {
  readonly #plane: TurnPlane;
  readonly #portsOf: (address: string) => PortRange | undefined;
  readonly #room: EntryRoom;
  #isStopping = false;

  /**
   * @param portsOf - returns the only ports of an IP address that peers may have, if not all
   * @param bounds - of the entries that it puts
   */
  constructor(
    plane: TurnPlane,
    portsOf: (address: string) => PortRange | undefined,
    bounds: EntryBounds,
  ) {
    this.#plane = plane;
    this.#portsOf = portsOf;
    this.#room = new EntryRoom(bounds);
  }

  /** Called before all allocations end: their entries stay until the data plane closes. */
  stop(): void {
    this.#isStopping = true;
  }

  /**
   * Has what comes from the 5-tuple to which a client has moved handled as from the one that its
   * allocation has, by the worker that has the entries.
   */
  putMoved({ origin, mobility }: Allocation, { origin: to }: Place): PutResult {
    const action = { ...origin, number: mobility?.serial ?? 0 };
    for (const worker of new Set([origin.worker, to.worker])) {
      const result = attempt(() => this.#plane.putMovedClient({ ...to, worker }, action));
      if (result === 'done') continue;
      for (const each of new Set([origin.worker, to.worker])) this.#removeMovedIn(each, to);
      return result;
    }
    return 'done';
  }

  /** Reverts `putMoved`. @param home - the worker that has the entries */
  removeMoved(home: number, { origin: to }: Place): void {
    for (const worker of new Set([home, to.worker])) this.#removeMovedIn(worker, to);
  }

  /** Ends the handling of a 5-tuple as another one, in the worker that has the entries. */
  removeMovedAtHome({ origin }: Allocation): void {
    this.#removeMovedIn(origin.worker, origin);
  }

  /** Ends the passing on of a 5-tuple's datagrams by the worker that receives them. */
  removePassing({ tuple }: Origin, receivedBy: number | undefined): void {
    if (receivedBy !== undefined) this.#removeMovedIn(receivedBy, { tuple });
  }

  #removeMovedIn(worker: number, { tuple }: Pick<Origin, 'tuple'>): void {
    if (!this.#isStopping) this.#plane.removeMovedClient({ worker, tuple });
  }

  /**
   * Moves the entries of an allocation to its 5-tuple from the one that it had, with the lifetimes
   * that are left. Entries that have been moved before stay as they are.
   * @param now - monotonic ms
   * @returns whether all are there; if not, to be called again
   */
  moveEntries({ relayed, permissions, channels }: Allocation, from: Place, now: number): boolean {
    for (const each of relayed) {
      if (this.putRelayed(each, secondsLeft(each, now)) !== 'done') return false;
      this.#removeSend(each, from.origin);
    }
    for (const each of channels.values()) {
      if (each.state !== 'bound') continue;
      const seconds = secondsLeft(each, now);
      if (this.#putData(each, seconds) !== 'done') return false;
      if (this.#putPeer(each, seconds) !== 'done') return false;
      this.#removeData(each, from.origin);
    }
    for (const each of permissions.values()) {
      if (this.putPermission(each, secondsLeft(each, now)) !== 'done') return false;
    }
    return true;
  }

  #removeSend(relayed: RelayedTransportAddress, at: Origin): void {
    const entry = sendEntry(relayed, at);
    addFromClient(sumsOf(relayed.allocation), this.#plane.allocationTraffic(entry));
    if (!this.#isStopping) this.#plane.removeAllocation(entry);
  }

  #removeData(channel: Channel, at: Origin): void {
    const entry = clientEntry(channel, at);
    addFromClient(sumsOf(channel.relayed.allocation), this.#plane.channelTraffic(entry));
    if (!this.#isStopping) this.#plane.removeClientFlow(entry);
  }

  /** Puts or prolongs the entry for Send indications by a relayed transport address. */
  putRelayed(relayed: RelayedTransportAddress, lifetimeSeconds: number): PutResult {
    return this.#store(relayed, () =>
      attempt(() => this.#plane.putAllocation(sendEntry(relayed), lifetimeSeconds)),
    );
  }

  /** Removes the entry for Send indications. */
  removeRelayed(relayed: RelayedTransportAddress): void {
    for (const origin of originsOf(relayed.allocation)) this.#removeSend(relayed, origin);
    this.#removed(relayed);
  }

  /** Puts or prolongs the entry of a permission, for the ports that its peer may have now. */
  putPermission(permission: Permission, lifetimeSeconds: number): PutResult {
    const { origin, bucket } = permission.relayed.allocation;
    // Nobody reaches services of this host, or of another relay, by way of a relayed address.
    const ports = this.#portsOf(permission.address);
    const action = { tuple: origin.tuple, bucket, ...(ports && { ports }) };
    const flow = permissionEntry(permission);
    const result = this.#store(permission, () =>
      attempt(() => this.#plane.putPeerFlow(flow, action, lifetimeSeconds)),
    );
    if (result === 'done') permission.ports = ports;
    return result;
  }

  /** Removes the entry of a permission. */
  removePermission(permission: Permission): void {
    const sums = sumsOf(permission.relayed.allocation);
    addToClient(sums, this.#plane.peerFlowTraffic(permissionEntry(permission)));
    if (!this.#isStopping) this.#plane.removePeerFlow(permissionEntry(permission));
    this.#removed(permission);
  }

  /** Puts both entries of a new channel, or none. */
  putChannel(channel: Channel): PutResult {
    const { channelSeconds } = TURN_LIMITS;
    return this.#store(channel, () => {
      const result = this.#putData(channel, channelSeconds);
      if (result !== 'done') return result;
      const back = this.#putPeer(channel, channelSeconds);
      if (back !== 'done') this.#plane.removeClientFlow(clientEntry(channel));
      return back;
    });
  }

  /** Puts the entry for what the client sends on a channel. */
  #putData(channel: Channel, seconds: number): PutResult {
    const { relayed, peer } = channel;
    const { bucket } = relayed.allocation;
    const action = { type: 'peer', relayed: relayed.handle, peer, bucket } as const;
    return attempt(() => this.#plane.putClientFlow(clientEntry(channel), action, seconds));
  }

  /** Puts the entry for what the peer of a channel sends. */
  #putPeer(channel: Channel, seconds: number): PutResult {
    return attempt(() => this.#plane.putPeerFlow(peerEntry(channel), peerAction(channel), seconds));
  }

  /** Prolongs both entries of a channel, or none. @param now - monotonic ms */
  refreshChannel(channel: Channel, now: number): PutResult {
    const { channelSeconds } = TURN_LIMITS;
    const refresh = (seconds: number) =>
      attempt(() => this.#plane.refreshClientFlow(clientEntry(channel), seconds));
    const result = refresh(channelSeconds);
    if (result !== 'done') return result;
    const back = this.#putPeer(channel, channelSeconds);
    if (back !== 'done') refresh(secondsLeft(channel, now));
    return back;
  }

  /** Removes both entries of a channel. */
  removeChannel(channel: Channel): void {
    const { allocation } = channel.relayed;
    addToClient(sumsOf(allocation), this.#plane.peerFlowTraffic(peerEntry(channel)));
    for (const origin of originsOf(allocation)) this.#removeData(channel, origin);
    this.#removed(channel);
    if (!this.#isStopping) this.#plane.removePeerFlow(peerEntry(channel));
  }

  /** Puts or prolongs the way over the trunk to a peer. */
  putTrunkRoute(peer: TrunkPeer, action: TrunkRoute, lifetimeSeconds: number): PutResult {
    const flow = trunkRouteEntry(peer);
    return this.#store(peer, () =>
      attempt(() => this.#plane.putTrunkRoute(flow, action, lifetimeSeconds)),
    );
  }

  /** Removes the way over the trunk to a peer, if it has one. */
  removeTrunkRoute(peer: TrunkPeer): void {
    if (!peer.isStored) return;
    this.#plane.removeTrunkRoute(trunkRouteEntry(peer));
    this.#removed(peer);
  }

  /** Binds or prolongs a session index. @returns false if the data plane has no room */
  putTrunkSession(index: number, action: SessionAction, lifetimeSeconds: number): boolean {
    return attempt(() => this.#plane.putSession(index, action, lifetimeSeconds)) === 'done';
  }

  /** Unbinds a session index. */
  removeTrunkSession(index: number): void {
    this.#plane.removeSession(index);
  }

  /** Puts entries. Those that are not there yet need room, which a failure gives back. */
  #store(item: Stored, put: () => PutResult): PutResult {
    if (item.isStored) return put();
    if (!this.#room.take(allocationOf(item), entriesOf(item))) return 'full';
    const result = put();
    item.isStored = result === 'done';
    if (!item.isStored) this.#room.give(allocationOf(item), entriesOf(item));
    return result;
  }

  #removed(item: Stored): void {
    if (item.isStored) this.#room.give(allocationOf(item), entriesOf(item));
    item.isStored = false;
  }

  /** Returns the traffic of an allocation until now. */
  trafficOf({ sums, relayed, permissions, channels }: Allocation): AllocationTraffic {
    const total = { ...(sums ?? noTraffic()) };
    for (const each of relayed)
      addFromClient(total, this.#plane.allocationTraffic(sendEntry(each)));
    for (const each of permissions.values()) {
      addToClient(total, this.#plane.peerFlowTraffic(permissionEntry(each)));
    }
    for (const each of channels.values()) {
      if (each.state !== 'bound') continue;
      addFromClient(total, this.#plane.channelTraffic(clientEntry(each)));
      addToClient(total, this.#plane.peerFlowTraffic(peerEntry(each)));
    }
    return total;
  }
}

function sumsOf(allocation: Allocation): TrafficSums {
  allocation.sums ??= noTraffic();
  return allocation.sums;
}

function allocationOf(item: Stored): Allocation {
  return item.kind === 'relayed' ? item.allocation : item.relayed.allocation;
}

/** Returns the number of an item's entries. */
function entriesOf({ kind }: Stored): number {
  return kind === 'channel' ? 2 : 1;
}

/** Returns the 5-tuples at which an allocation may have entries. */
function originsOf({ origin, mobility }: Allocation): readonly Origin[] {
  const left = mobility?.left;
  return left === undefined ? [origin] : [origin, left.origin];
}

/** @param at - by default the allocation's 5-tuple; so too below */
function sendEntry(
  { allocation: { origin, bucket }, handle, ports }: RelayedTransportAddress,
  at = origin,
) {
  const { worker, tuple } = at;
  return { worker, tuple, relayed: handle, family: ports.family, bucket };
}

function permissionEntry({ relayed, address }: Permission) {
  return { relayed: relayed.handle, peer: { address, port: 0 } };
}

function clientEntry({ relayed, number }: Channel, at = relayed.allocation.origin) {
  const { worker, tuple } = at;
  return { worker, tuple, channel: number };
}

function peerEntry({ relayed, peer }: Channel) {
  return { relayed: relayed.handle, peer };
}

function trunkRouteEntry({ relayed, peer }: TrunkPeer) {
  return { relayed: relayed.handle, peer };
}

function peerAction({ relayed, number: channel }: Channel) {
  const { origin, bucket } = relayed.allocation;
  return { tuple: origin.tuple, channel, bucket };
}

function addFromClient(sums: TrafficSums, traffic: AllocationFlowTraffic | undefined): void {
  sums.packetsFromClient += traffic?.packets ?? 0;
  sums.bytesFromClient += traffic?.payloadBytes ?? 0;
  sums.packetsOverBandwidth += traffic?.overBandwidth ?? 0;
}

function addToClient(sums: TrafficSums, traffic: AllocationFlowTraffic | undefined): void {
  sums.packetsToClient += traffic?.packets ?? 0;
  sums.bytesToClient += traffic?.payloadBytes ?? 0;
  sums.packetsOverBandwidth += traffic?.overBandwidth ?? 0;
}

function attempt(put: () => void): PutResult {
  try {
    put();
    return 'done';
  } catch (error) {
    if (isTurnpikeError(error, 'ERR_TURNPIKE_QUEUE_FULL')) return 'busy';
    if (isTurnpikeError(error, 'ERR_TURNPIKE_CLOSED')) return 'busy';
    if (isTurnpikeError(error, 'ERR_TURNPIKE_LIMIT')) return 'full';
    if (isTurnpikeError(error, 'ERR_TURNPIKE_ADDRESS')) return 'unsendable';
    // A relay that has just left the registry, for a peer behind it.
    if (isTurnpikeError(error, 'ERR_TURNPIKE_UNKNOWN_RELAY')) return 'unsendable';
    throw error;
  }
}
