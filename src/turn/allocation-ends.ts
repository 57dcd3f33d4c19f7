import {
  type Allocation,
  type Channel,
  noTraffic,
  type Permission,
  type RelayedTransportAddress,
} from './allocation.js';
import type { EndReason } from './allocation-events.js';
import type { TurnContext } from './context.js';
import { TURN_LIMITS } from './turn-limits.js';

/** Ends allocations and their parts: removes their state and the data plane's entries. */
export class AllocationEnds {
  readonly #context: TurnContext;
  #isStopping = false;

  constructor(context: TurnContext) {
    this.#context = context;
  }

  /**
   * Called before all allocations end because the server stops. Entries and sockets stay from now
   * on, and end with the data plane, which closes next: thousands of removals would delay that.
   */
  stop(): void {
    this.#isStopping = true;
    this.#context.forwarding.stop();
  }

  /** Ends an allocation. Does nothing if it has ended: callers walk copies of the table. */
  end(allocation: Allocation, reason: EndReason): void {
    if (this.#context.table.get(allocation.tupleKey) !== allocation) return;
    const summary = allocation.summary();
    for (const relayed of [...allocation.relayed]) this.#remove(relayed);
    this.#gone(allocation, reason, summary);
  }

  /**
   * Ends a relayed transport address, and with the last one its allocation. Does nothing if it has
   * ended.
   */
  endRelayed(relayed: RelayedTransportAddress, reason: EndReason): void {
    const { allocation } = relayed;
    if (!allocation.relayed.includes(relayed)) return;
    const summary = allocation.summary();
    this.#remove(relayed);
    if (allocation.relayed.length === 0) this.#gone(allocation, reason, summary);
  }

  /** Ends a permission. */
  endPermission(permission: Permission): void {
    const { forwarding, table } = this.#context;
    table.unschedule(permission);
    permission.relayed.allocation.permissions.delete(permission.address);
    forwarding.removePermission(permission);
  }

  /**
   * Ends a channel. Its number and its peer rest until the client, which learns nothing of the end,
   * can no longer believe that they belong together (RFC 8656 section 12).
   */
  endChannel(channel: Channel): void {
    const { forwarding, table, clock } = this.#context;
    forwarding.removeChannel(channel);
    channel.state = 'resting';
    table.schedule(channel, clock.monotonic() + TURN_LIMITS.channelRestSeconds * 1_000);
  }

  /** Forgets a channel that has rested. */
  forgetChannel(channel: Channel): void {
    const { allocation } = channel.relayed;
    this.#context.table.unschedule(channel);
    allocation.channels.delete(channel.number);
  }

  #remove(relayed: RelayedTransportAddress): void {
    const { forwarding, table, addresses, trunk } = this.#context;
    const { permissions, channels } = relayed.allocation;
    trunk?.endRelayed(relayed);
    for (const permission of permissions.values()) {
      if (permission.relayed === relayed) this.endPermission(permission);
    }
    for (const channel of channels.values()) {
      if (channel.relayed !== relayed) continue;
      if (channel.state === 'bound') forwarding.removeChannel(channel);
      this.forgetChannel(channel);
    }
    forwarding.removeRelayed(relayed);
    table.deleteRelayed(relayed);
    if (this.#isStopping) addresses.free(relayed);
    else addresses.close(relayed);
  }

  #gone(
    allocation: Allocation,
    reason: EndReason,
    summary: ReturnType<Allocation['summary']>,
  ): void {
    const { table, stats, log, clock, onEvent, bandwidth, moves } = this.#context;
    moves.end(allocation);
    table.delete(allocation);
    bandwidth.release(allocation.user);
    const traffic = { ...(allocation.sums ?? noTraffic()) };
    const seconds = (clock.monotonic() - allocation.since) / 1_000;
    const ended = { ...summary, reason, seconds, traffic };
    stats.ended.add(reason);
    stats.traffic.packets_from_clients += traffic.packetsFromClient;
    stats.traffic.bytes_from_clients += traffic.bytesFromClient;
    stats.traffic.packets_to_clients += traffic.packetsToClient;
    stats.traffic.bytes_to_clients += traffic.bytesToClient;
    log.ended(ended);
    onEvent({ type: 'ended', ...ended });
  }
}
