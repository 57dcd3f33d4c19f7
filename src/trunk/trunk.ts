import type { TransportAddress } from '../address.js';
import type { DataPlaneEvent, PuntedDatagram } from '../native/types.js';
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
import { isChallenge } from './claim-challenge.js';
import { ControlChannel } from './control-channel.js';
import type { ControlMessage } from './control-message.js';
import type { RemoteRelay } from './remote-relay.js';
import { RemoteRelays } from './remote-relays.js';
import type { TrunkDrop, TrunkOptions } from './trunk-options.js';
import { UnregisteredSources } from './unregistered-sources.js';

/** First half of a trunk datagram's first byte (PROTOCOL.md section 4). */
const TRUNK_VERSION = 1;

/**
 * What comes in on the trunk port: it finds the relay that sent it, checks that it is authentic and
 * new, and hands it on. What a control message means is for `TrunkOptions.onControlMessage`.
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
  /** The other relays, whose messages it takes. */
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
   * Sends a control message, if there is a path; like any datagram it may be lost.
   * @param before - what it returned when the same message was sent before
   * @returns its counter, to be given when it is sent again
   */
  send(remote: RemoteRelay, control: ControlMessage, before = 0): number {
    return this.#channel.send(remote, control, before);
  }

  /** Checks a datagram that the trunk port received and hands on what is authentic. */
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
    if (isChallenge(message)) {
      this.#options.onChallenge?.(message, tuple);
      return undefined;
    }
    const id = message.text(AttributeType.Username);
    const start = message.u64(AttributeType.RelayStart);
    if (id === undefined || start === undefined) return 'trunk_control_malformed';
    const remote = this.relays.get(id);
    if (!remote) return 'trunk_control_unknown_relay';
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
    // Before a later incarnation is believed: it may have been recorded in an earlier one of ours.
    const sequence = this.#channel.addressee(remote, message, sender);
    if (typeof sequence === 'string') return sequence;
    if (sender > remote.incarnation) this.relays.restarted(remote, sender);
    return this.#channel.receive(remote, message, sequence);
  }

  /** A control message from an unregistered port of a relay, which may show a NAT. */
  #checkUnregistered(remote: RemoteRelay, message: StunMessage, source: TransportAddress): void {
    const isGenuine =
      remote.isUnregisteredPort(source) &&
      this.#unregistered.takeTry('control', remote, this.#options.clock.monotonic()) &&
      verifyIntegrity(message, 'sha256', remote.receiveKey);
    if (isGenuine) this.relays.report(remote, remote.noteUnregisteredSource(source));
  }

  /**
   * Whether a message may be of an incarnation. One of a clock that was ahead stays authentic:
   * recorded and sent again it would end the connections of every later one. So the future is
   * believed of the registry only.
   */
  #isCredible(remote: RemoteRelay, sender: Incarnation): boolean {
    if (sender <= remote.incarnation) return sender === remote.incarnation;
    if (sender <= incarnationOf(remote.record)) return true;
    if (sender <= remote.incarnationDisowned) return false;
    return isPlausible(sender, this.#options.clock.now());
  }

  /** Takes what the workers saw. */
  event(event: DataPlaneEvent): void {
    if (event.type !== 'unbound-index') return this.relays.probeReply(event);
    const remote = this.relays.atIndex(event.relayIndex);
    if (remote) this.#options.onUnboundIndex(remote, event.sessionIndex);
  }

  /** A trunk datagram from a port that no relay has registered. */
  #receiveUnregistered(datagram: PuntedDatagram): void {
    const now = this.#options.clock.monotonic();
    const remote = this.#unregistered.find(datagram, this.relays.all(), now);
    if (remote) this.relays.report(remote, remote.noteUnregisteredSource(datagram.tuple.remote));
  }
}
