import { listenerHandle } from '../native/transport-handle.js';
import type { DataPlane } from '../native/types.js';
import type { Incarnation } from '../registry/incarnation.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import {
  type ControlMessage,
  decodeControlMessage,
  encodeControlMessage,
} from './control-message.js';
import { type ControlSequence, ControlSequences, decodeSequence } from './control-sequence.js';
import type { LocalRelay } from './local-relay.js';
import type { RemoteRelay } from './remote-relay.js';
import type { TrunkDrop, TrunkOptions } from './trunk-options.js';

/** Dependencies of `ControlChannel`. */
type ChannelOptions = Pick<TrunkOptions, 'local' | 'onControlMessage'> & {
  readonly plane: Pick<DataPlane, 'send'>;
};

/**
 * Sends control messages, and checks receiver and sequence of those received, whose integrity has
 * been verified. Each message is for one incarnation of its receiver and is processed once
 * (PROTOCOL.md section 3, Recorded messages).
 */
export class ControlChannel {
  readonly #local: LocalRelay;
  readonly #plane: Pick<DataPlane, 'send'>;
  readonly #onControlMessage: TrunkOptions['onControlMessage'];
  readonly #sequences = new ControlSequences();

  constructor({ local, plane, onControlMessage }: ChannelOptions) {
    this.#local = local;
    this.#plane = plane;
    this.#onControlMessage = onControlMessage;
  }

  /**
   * Sends a message if there is a path. Like any datagram it may be lost.
   * @param before - the returned counter of an earlier transmission of this message; 0 for a new
   *   one
   * @returns its counter, for a retransmission
   */
  send(remote: RemoteRelay, control: ControlMessage, before: number): number {
    if (remote.path === undefined) return before;
    const counter = this.#sequences.next(remote.id, before);
    const sequence = { receiverIncarnation: remote.incarnation, counter };
    this.#write(remote, encodeControlMessage(this.#local, remote.sendKey, control, sequence));
    return counter;
  }

  /**
   * Checks that a message is for the present incarnation of this relay. Answers a request for
   * another one with 438.
   * @param sender - the incarnation in the message's RELAY-START
   * @returns its sequence; undefined without one; or why the message is dropped
   */
  addressee(
    remote: RemoteRelay,
    message: StunMessage,
    sender: Incarnation,
  ): ControlSequence | undefined | TrunkDrop {
    const sequence = decodeSequence(message);
    if (sequence === 'malformed') return 'trunk_control_malformed';
    if (sequence === undefined || sequence.receiverIncarnation === this.#local.incarnation) {
      return sequence;
    }
    this.#sayIncarnation(remote, message, sender);
    return 'trunk_control_other_start';
  }

  /**
   * Passes on a message that was not processed before, and requests in any case, because their
   * response may have been lost.
   * @param sequence - as `addressee` returned it
   * @returns why the message is dropped; undefined if it is not
   */
  receive(
    remote: RemoteRelay,
    message: StunMessage,
    sequence: ControlSequence | undefined,
  ): TrunkDrop | undefined {
    const control = decodeControlMessage(message);
    if (!control) return 'trunk_control_malformed';
    if (!sequence) {
      // A process sends all its messages with a counter, or none.
      if (this.#sequences.counts(remote.id, remote.incarnation)) return 'trunk_control_uncounted';
      this.#onControlMessage(remote, control, { counter: 0, repeated: false });
      return undefined;
    }
    const { counter } = sequence;
    const verdict = this.#sequences.take(remote.id, remote.incarnation, counter);
    if (verdict === 'too-old') return 'trunk_control_too_old';
    const repeated = verdict === 'repeated';
    const isRequest = ['offer', 'close', 'bind'].includes(control.type);
    if (repeated && !isRequest) return 'trunk_control_repeated';
    const done = this.#onControlMessage(remote, control, { counter, repeated });
    if (done === 'left' && !repeated) this.#sequences.untake(remote.id, counter);
    return undefined;
  }

  /** Forgets a relay, but for its last counters. */
  leave(remote: RemoteRelay): void {
    this.#sequences.leave(remote.id);
  }

  /**
   * Answers 438 to a request for another incarnation of this relay, so that its sender learns the
   * present one. The response repeats the RELAY-START of the request, known or not, and is never
   * longer than the request.
   */
  #sayIncarnation(remote: RemoteRelay, message: StunMessage, sender: Incarnation): void {
    const { messageClass, bytes } = message;
    const refusal = otherStart(message);
    if (messageClass !== 'request' || refusal === undefined) return;
    const answer = encodeControlMessage(this.#local, remote.sendKey, refusal, {
      receiverIncarnation: sender,
      counter: this.#sequences.next(remote.id, 0),
    });
    if (answer.length <= bytes.length) this.#write(remote, answer);
  }

  #write(remote: RemoteRelay, data: Uint8Array): void {
    if (remote.path === undefined) return;
    const { destination, socket, ...local } = remote.path;
    const tuple = { handle: listenerHandle('trunk', socket), remote: destination, ...local };
    this.#plane.send([{ side: 'trunk', tuple, data }]);
  }
}

/** Returns the 438 to a request; undefined for an unknown method. */
function otherStart({ method, transactionId }: StunMessage): ControlMessage | undefined {
  switch (method) {
    case Method.Connect:
      return { type: 'other-start', transactionId, request: 'offer' };
    case Method.Refresh:
      return { type: 'other-start', transactionId, request: 'close' };
    case Method.ChannelBind:
      return { type: 'bind-refused', transactionId, code: ErrorCode.StaleNonce };
    default:
      return undefined;
  }
}
