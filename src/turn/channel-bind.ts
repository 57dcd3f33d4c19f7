import { sameAddress, type TransportAddress } from '../address.js';
import { wholeMs } from '../clock.js';
import { AttributeType } from '../stun/attribute-types.js';
import { isChannel } from '../stun/channel-data.js';
import type { StunMessage } from '../stun/message.js';
import { type Allocation, Channel, type RelayedTransportAddress } from './allocation.js';
import type { TurnContext } from './context.js';
import { refusalOf } from './forwarding.js';
import { checkedPeer, isInRange, peerPorts } from './peer-checks.js';
import type { Permissions } from './permissions.js';
import type { RefusalReason } from './refusals.js';
import { replyTarget } from './responses.js';
import { TURN_LIMITS } from './turn-limits.js';
import type { AllocationRequest } from './turn-request.js';

/** What a ChannelBind request asks for. */
interface Binding {
  readonly relayed: RelayedTransportAddress;
  readonly number: number;
  readonly peer: TransportAddress;
}

/**
 * Handles ChannelBind (RFC 8656 section 12.2): binds a channel to a peer or prolongs it, and
 * installs or prolongs the permission of the peer's IP address; both or neither.
 */
export class ChannelBind {
  readonly #context: TurnContext;
  readonly #permissions: Permissions;

  constructor(context: TurnContext, permissions: Permissions) {
    this.#context = context;
    this.#permissions = permissions;
  }

  /** Handles a request. */
  handle({ request, allocation }: AllocationRequest): void {
    const { responses, stats } = this.#context;
    const to = replyTarget(request);
    const binding = this.#bindingOf(request.message, allocation);
    if (typeof binding === 'string') return void responses.refused(to, binding);
    const refusal = this.#permissions.install([binding], () => this.#bind(binding));
    if (refusal !== undefined) return void responses.refused(to, refusal);
    stats.requests.channels_bound += 1;
    responses.succeeded(to);
    this.#context.trunk?.want(binding.relayed, binding.peer);
  }

  /** Returns the binding that a request asks for, or why it is refused. */
  #bindingOf(message: StunMessage, allocation: Allocation): Binding | RefusalReason {
    const { limits } = this.#context;
    const peer = message.address(AttributeType.XorPeerAddress);
    const attribute = message.u32(AttributeType.ChannelNumber);
    if (peer === undefined || attribute === undefined) return 'attribute-missing';
    // The other 16 bits are reserved (RFC 8656 section 18.1).
    const number = attribute >>> 16;
    if (!isChannel(number)) return 'bad-channel-number';
    // In the data plane port 0 stands for every port.
    if (peer.port === 0) return 'bad-peer-port';
    const channel = allocation.channels.get(number);
    if (channel !== undefined && !sameAddress(channel.peer, peer)) {
      return 'channel-of-another-peer';
    }
    if (channel === undefined && allocation.channelOf(peer) !== undefined)
      return 'peer-on-another-channel';
    const relayed = checkedPeer(this.#context, allocation, peer);
    if (typeof relayed === 'string') return relayed;
    const ports = peerPorts(this.#context, peer.address);
    if (ports !== undefined && !isInRange(peer.port, ports)) return 'peer-is-server';
    if (this.#context.addresses.isOfServer(peer)) return 'peer-is-server';
    const isRoom = channel !== undefined || allocation.channels.size < limits.channelsMax;
    return isRoom ? { relayed, number, peer } : 'channels-used-up';
  }

  /** Binds or prolongs a channel. @returns why that fails; undefined if it succeeds */
  #bind({ relayed, number, peer }: Binding): RefusalReason | undefined {
    const { forwarding, table, clock } = this.#context;
    const { channels } = relayed.allocation;
    const known = channels.get(number);
    const channel = known ?? new Channel(relayed, number, peer);
    const isBound = known?.state === 'bound';
    const result = isBound
      ? forwarding.refreshChannel(channel, clock.monotonic())
      : forwarding.putChannel(channel);
    if (result !== 'done') return refusalOf(result);
    channel.state = 'bound';
    channel.expiresAt = wholeMs(clock) + TURN_LIMITS.channelSeconds * 1_000;
    channels.set(number, channel);
    table.schedule(channel, channel.expiresAt);
    return undefined;
  }
}
