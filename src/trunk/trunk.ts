import type { TransportAddress } from '../address.js';
import type { DataPlaneEvent } from '../native/events.js';
import type { PuntedDatagram } from '../native/types.js';
import {
  type Incarnation,
  incarnation,
  incarnationOf,
  isPlausible,
} from '../registry/incarnation.js';
import { AttributeType } from '../stun/attribute-types.js';
import { integrityKind, verifyIntegrity } from '../stun/integrity.js';
import { decodeMessage, type StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { isClaimChallenge } from './claim-challenge.js';
import { ControlChannel } from './control-channel.js';
import type { ControlMessage } from './control-message.js';
import type { RemoteRelay } from './remote-relay.js';
import { RemoteRelays } from './remote-relays.js';
import type { TrunkDrop, TrunkOptions } from './trunk-options.js';
import { isSealed, UnregisteredSources } from './unregistered-sources.js';

/** Version in the upper half of a trunk datagram's first byte (PROTOCOL.md section 4). */
const TRUNK_VERSION = 1;

/**
 * Receives the trunk port's datagrams that the data plane does not handle: finds the relay that
 * sent a control message, verifies its integrity, incarnation and sequence, and passes it on.
 * `TrunkOptions.onControlMessage` interprets it.
 */
export class Trunk {
  readonly drops: Record<TrunkDrop, number> = {
    trunk_control_malformed: 0,
    trunk_control_unknown_relay: 0,
    trunk_control_wrong_source: 0,
    trunk_control_bad_integrity: 0,
    trunk_control_old_start: 0,
    trunk_control_other_start: 0,
    trunk_control_uncounted: 0,
    trunk_control_repeated: 0,
    trunk_control_too_old: 0,
  };
  /** The other relays. */
  readonly relays: RemoteRelays;
  readonly #options: TrunkOptions;
  readonly #unregistered = new UnregisteredSources();
  readonly #channel: ControlChannel;

  constructor(options: TrunkOptions) {
    this.#options = options;
    this.#channel = new ControlChannel(options);
    const onForgotten = (remote: RemoteRelay) => this.#channel.leave(remote);
    this.relays = new RemoteRelays({ ...options, onForgotten });
  }

  /**
   * Sends a control message if there is a path. Like any datagram it may be lost.
   * @param before - the returned counter of an earlier transmission of this message; 0 for a new
   *   one
   * @returns its counter, for a retransmission
   */
  send(remote: RemoteRelay, control: ControlMessage, before = 0): number {
    return this.#channel.send(remote, control, before);
  }

  /**
   * Verifies a datagram of the trunk port and passes on an authentic message; drops are counted.
   */
  receive(datagram: PuntedDatagram): void {
    if ((datagram.data[0] ?? 0) >> 4 === TRUNK_VERSION) return this.#receiveUnregistered(datagram);
    const drop = this.#receive(datagram);
    if (drop === undefined) return;
    this.drops[drop] += 1;
    this.#options.onDrop?.(datagram.tuple.remote, drop);
  }

  #receive({ tuple, data }: PuntedDatagram): TrunkDrop | undefined {
    const decoded = decodeMessage(data);
    if (!decoded.ok) return 'trunk_control_malformed';
    const { message } = decoded;
    if (message.method === Method.Binding && message.messageClass !== 'request') {
      const waited = this.#options.onForeignResponse?.(message, tuple) ?? false;
      return waited ? undefined : 'trunk_control_malformed';
    }
    if (isClaimChallenge(message)) {
      this.#options.onClaimChallenge?.(message, tuple);
      return undefined;
    }
    const id = message.text(AttributeType.Username);
    const start = message.u64(AttributeType.RelayStart);
    if (id === undefined || start === undefined) return 'trunk_control_malformed';
    const remote = this.relays.get(id) ?? this.#woken(message, tuple.remote);
    if (remote?.id !== id) return 'trunk_control_unknown_relay';
    if (!remote.sendsFrom(tuple.remote)) {
      this.#checkUnregistered(remote, message, tuple.remote);
      return 'trunk_control_wrong_source';
    }
    if (
      integrityKind(message) !== 'sha256' ||
      !verifyIntegrity(message, 'sha256', remote.receiveKey)
    ) {
      return 'trunk_control_bad_integrity';
    }
    if (start > BigInt(Number.MAX_SAFE_INTEGER)) return 'trunk_control_malformed';
    const sender = incarnation(Number(start));
    if (!this.#isCredible(remote, sender)) return 'trunk_control_old_start';
    // Before a later incarnation is accepted: the message may be a recording for an earlier one of
    // ours.
    const sequence = this.#channel.addressee(remote, message, sender);
    if (typeof sequence === 'string') return sequence;
    if (sender > remote.incarnation) this.relays.restarted(remote, sender);
    return this.#channel.receive(remote, message, sequence);
  }

  /** Returns a listed relay without paths that has sent a message, with paths. */
  #woken(message: StunMessage, source: TransportAddress): RemoteRelay | undefined {
    return this.relays.wake(
      source,
      ({ control }) =>
        integrityKind(message) === 'sha256' &&
        verifyIntegrity(message, 'sha256', control.receiveKey),
    );
  }

  /**
   * Reports a genuine control message from an unregistered port of a relay: a NAT may be in
   * between.
   */
  #checkUnregistered(remote: RemoteRelay, message: StunMessage, source: TransportAddress): void {
    const isGenuine =
      remote.isUnregisteredPort(source) &&
      this.#unregistered.takeTry('control', remote, this.#options.clock.monotonic()) &&
      verifyIntegrity(message, 'sha256', remote.receiveKey);
    if (isGenuine) this.relays.report(remote, remote.noteUnregisteredSource(source));
  }

  /**
   * Returns whether a message's incarnation is credible. A message of a clock that was ahead stays
   * authentic: replayed, it would end the connections of every later incarnation. So an incarnation
   * in the future is accepted only from the registry.
   */
  #isCredible(remote: RemoteRelay, sender: Incarnation): boolean {
    if (sender <= remote.incarnation) return sender === remote.incarnation;
    if (sender <= incarnationOf(remote.record)) return true;
    if (sender <= remote.incarnationDisowned) return false;
    return isPlausible(sender, this.#options.clock.now());
  }

  /** Takes an event of the data plane. */
  event(event: DataPlaneEvent): void {
    if (event.type === 'unbound-index') {
      const remote = this.relays.atIndex(event.relayIndex);
      if (remote) this.#options.onUnboundIndex(remote, event.sessionIndex);
    } else if (event.type === 'probe-reply' || event.type === 'path-probe-reply') {
      this.relays.probeReply(event);
    }
  }

  /**
   * Takes a trunk datagram that the data plane has no keys for: of a relay without paths, which
   * sends it again, or from a port that no relay has registered.
   */
  #receiveUnregistered(datagram: PuntedDatagram): void {
    if (this.relays.wake(datagram.tuple.remote, (keys) => isSealed(datagram.data, keys))) return;
    const now = this.#options.clock.monotonic();
    const remote = this.#unregistered.find(datagram, this.relays.all(), now);
    if (remote) this.relays.report(remote, remote.noteUnregisteredSource(datagram.tuple.remote));
  }
}
