import type { TransportAddress } from '../address.js';
import { LIMITS } from '../limits.js';
import type { DataPlane } from '../native/types.js';
import { AttributeType } from '../stun/attribute-types.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import type { RandomBytes } from '../units.js';
import type { Leg, Origin, Signer } from './leg.js';
import type { RelayStats } from './stats.js';

/** Whom an answer goes to, and for which request. */
export interface ReplyTarget {
  readonly origin: Origin;
  readonly method: number;
  readonly transactionId: Uint8Array;
  readonly signer: Signer;
}

/** The code of a Closed indication (PROTOCOL.md section 2). */
export type CloseCode = 300 | 437 | 447;

/** Everything that this relay says to an authenticated peer. */
export class Answers {
  readonly #plane: Pick<DataPlane, 'send'>;
  readonly #random: RandomBytes;
  readonly #stats: RelayStats;

  constructor(plane: Pick<DataPlane, 'send'>, random: RandomBytes, stats: RelayStats) {
    this.#plane = plane;
    this.#random = random;
    this.#stats = stats;
  }

  /** Allocate success: the NAT's address for this peer, and the leg's lifetime. */
  allocated(to: ReplyTarget, leg: Leg): void {
    const writer = this.#success(to)
      .address(AttributeType.XorMappedAddress, leg.origin.tuple.remote)
      .u32(AttributeType.Lifetime, leg.lifetimeSeconds);
    this.#sign(to, writer);
  }

  /** Connect success: the channel to send on. */
  connected(to: ReplyTarget, leg: Leg, channel: number): void {
    const writer = this.#success(to)
      .channelNumber(channel)
      .u32(AttributeType.Lifetime, leg.lifetimeSeconds);
    this.#sign(to, writer);
  }

  /** Refresh success; 0 seconds when the leg is closed. */
  refreshed(to: ReplyTarget, lifetimeSeconds: number): void {
    this.#sign(to, this.#success(to).u32(AttributeType.Lifetime, lifetimeSeconds));
  }

  /** An error after authentication; counted by its code. */
  refused(to: ReplyTarget, code: number, unknownAttributes: readonly number[] = []): void {
    this.#stats.refused(code);
    const writer = new MessageWriter('error', to.method, to.transactionId).errorCode(code);
    if (unknownAttributes.length > 0) {
      writer.unknownAttributes(unknownAttributes.slice(0, LIMITS.unknownAttributesMax));
    }
    this.#sign(to, writer);
  }

  /** 300: the relay is draining; another one's address, where one is known. */
  redirected(to: ReplyTarget, alternate: TransportAddress | undefined): void {
    this.#stats.refused(300);
    const writer = new MessageWriter('error', to.method, to.transactionId).errorCode(300);
    if (alternate) writer.address(AttributeType.AlternateServer, alternate);
    this.#sign(to, writer);
  }

  /** The one indication that a connection has ended for another reason than the peer's wish. */
  closed(leg: Leg, code: CloseCode): void {
    const writer = new MessageWriter('indication', Method.Closed, this.#random(12))
      .connectionIdentifier(leg.connectionId)
      .errorCode(code);
    this.#sign(leg, writer);
  }

  #success(to: ReplyTarget): MessageWriter {
    return new MessageWriter('success', to.method, to.transactionId);
  }

  #sign(to: { readonly origin: Origin; readonly signer: Signer }, writer: MessageWriter): void {
    const { kind, key } = to.signer;
    const data = writer.integrity(kind, key).finish();
    this.#plane.send([{ side: 'client', tuple: to.origin.tuple, data }]);
  }
}
