import { listenerHandle } from '../native/transport-handle.js';
import type { DataPlane } from '../native/types.js';
import type { Incarnation } from '../registry/incarnation.js';
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

/** What it works with. */
type ChannelOptions = Pick<TrunkOptions, 'local' | 'onControlMessage'> & {
  readonly plane: Pick<DataPlane, 'send'>;
};

/**
 * Control messages of relays whose integrity has been verified, and their order: each is for one
 * process of its receiver, and is taken once (PROTOCOL.md section 3, Recorded messages).
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
   * Sends a message, if there is a path; like any datagram it may be lost.
   * @param before - what it returned when the same message was sent before; 0 for a new one
   * @returns its counter, to be given when it is sent again
   */
  send(remote: RemoteRelay, control: ControlMessage, before: number): number {
    if (remote.path === undefined) return before;
    const counter = this.#sequences.next(remote.id, before);
    const sequence = { receiverIncarnation: remote.incarnation, counter };
    this.#write(remote, encodeControlMessage(this.#local, remote.sendKey, control, sequence));
    return counter;
  }

  /**
   * Reads for which process of this relay a message is, and answers a request that is for another.
   * @param sender - the incarnation that its sender names
   * @returns its sequence, undefined where it has none, or why it is dropped
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
   * Hands on what was not said before; a request in any case, since its answer may be lost.
   * @param sequence - as `addressee` returned it
   * @returns why it is dropped, if it is
   */
  receive(
    remote: RemoteRelay,
    message: StunMessage,
    sequence: ControlSequence | undefined,
  ): TrunkDrop | undefined {
    const control = decodeControlMessage(message);
    if (!control) return 'trunk_control_malformed';
    if (!sequence) {
      // A process counts all that it says, or nothing.
      if (this.#sequences.counts(remote.id, remote.incarnation)) return 'trunk_control_uncounted';
      this.#onControlMessage(remote, control, { counter: 0, repeated: false });
      return undefined;
    }
    const { counter } = sequence;
    const verdict = this.#sequences.take(remote.id, remote.incarnation, counter);
    if (verdict === 'too-old') return 'trunk_control_too_old';
    const repeated = verdict === 'repeated';
    const isRequest = control.type === 'offer' || control.type === 'close';
    if (repeated && !isRequest) return 'trunk_control_repeated';
    const done = this.#onControlMessage(remote, control, { counter, repeated });
    if (done === 'left' && !repeated) this.#sequences.untake(remote.id, counter);
    return undefined;
  }

  /** A relay is known no more. */
  leave(remote: RemoteRelay): void {
    this.#sequences.leave(remote.id);
  }

  /**
   * Tells the sender of a request that was meant for another process of this relay which one is
   * here. The answer names the sender's start as the request did, be it known here or not, and is
   * never the longer one of the two.
   */
  #sayIncarnation(remote: RemoteRelay, message: StunMessage, sender: Incarnation): void {
    const { messageClass, method, transactionId, bytes } = message;
    if (messageClass !== 'request') return;
    if (method !== Method.Connect && method !== Method.Refresh) return;
    const answer = encodeControlMessage(
      this.#local,
      remote.sendKey,
      {
        type: 'other-start',
        transactionId,
        request: method === Method.Connect ? 'offer' : 'close',
      },
      { receiverIncarnation: sender, counter: this.#sequences.next(remote.id, 0) },
    );
    if (answer.length <= bytes.length) this.#write(remote, answer);
  }

  #write(remote: RemoteRelay, data: Uint8Array): void {
    if (remote.path === undefined) return;
    const { destination, socket, ...local } = remote.path;
    const tuple = { handle: listenerHandle('trunk', socket), remote: destination, ...local };
    this.#plane.send([{ side: 'trunk', tuple, data }]);
  }
}
