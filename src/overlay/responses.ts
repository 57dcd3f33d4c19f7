import type { TransportAddress } from '../address.js';
import type { RandomBytes } from '../random.js';
import { AttributeType } from '../stun/attribute-types.js';
import { PAYLOAD_BYTES_RECOMMENDED } from '../stun/channel-data.js';
import { RefusalCause } from '../stun/error-codes.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import type { Signer } from '../stun-server/authenticated-request.js';
import type { Origin } from '../stun-server/origin.js';
import type { LegName } from '../trunk/control-message.js';
import type { OverlayPlane } from './forwarding.js';
import type { Leg } from './leg.js';
import type { LegLog } from './leg-log.js';
import type { CloseCode } from './leg-states.js';
import type { OverlayStats } from './overlay-stats.js';
import { isOfThePair, REFUSALS, type RefusalReason } from './refusals.js';

/** Types that one UNKNOWN-ATTRIBUTES lists. */
const UNKNOWN_ATTRIBUTES_MAX = 16;

/** Whom an answer goes to, and for which request. */
export interface ReplyTarget {
  readonly origin: Origin;
  readonly method: number;
  readonly transactionId: Uint8Array;
  readonly signer: Signer;
  /** The leg that it is about, be it there or not. */
  readonly leg: LegName;
}

/** What a refusal says besides its code. */
interface Refusal {
  readonly unknownAttributes?: readonly number[] | undefined;
  readonly phrase?: string | undefined;
}

/** What it is made from. */
export interface ResponsesOptions {
  readonly plane: Pick<OverlayPlane, 'send'>;
  readonly random: RandomBytes;
  readonly stats: OverlayStats;
  readonly log: LegLog;
}

/** Responses and indications to authenticated peers. */
export class Responses {
  readonly #plane: Pick<OverlayPlane, 'send'>;
  readonly #random: RandomBytes;
  readonly #stats: OverlayStats;
  readonly #log: LegLog;

  constructor({ plane, random, stats, log }: ResponsesOptions) {
    this.#plane = plane;
    this.#random = random;
    this.#stats = stats;
    this.#log = log;
  }

  /** Allocate success: the NAT's address for this peer, and the leg's lifetime. */
  allocated(to: ReplyTarget, leg: Leg): void {
    const writer = this.#success(to)
      .address(AttributeType.XorMappedAddress, leg.origin.tuple.remote)
      .u32(AttributeType.Lifetime, leg.lifetimeSeconds);
    this.#sign(to, writer);
  }

  /** Connect success: the channel to send on, and the payload that is recommended there. */
  connected(to: ReplyTarget, leg: Leg, channel: number): void {
    const payloadBytes = payloadBytesRecommended(leg);
    leg.payloadBytesSaid = payloadBytes;
    const writer = this.#success(to)
      .channelNumber(channel)
      .u32(AttributeType.Lifetime, leg.lifetimeSeconds)
      .u32(AttributeType.RecommendedPayload, payloadBytes);
    this.#sign(to, writer);
  }

  /** Refresh success; 0 seconds when the leg is closed. */
  refreshed(to: ReplyTarget, lifetimeSeconds: number, leg?: Leg): void {
    const writer = this.#success(to).u32(AttributeType.Lifetime, lifetimeSeconds);
    if (leg?.state.type === 'established') {
      const payloadBytes = payloadBytesRecommended(leg);
      if (payloadBytes !== leg.payloadBytesSaid) {
        leg.payloadBytesSaid = payloadBytes;
        writer.u32(AttributeType.RecommendedPayload, payloadBytes);
      }
    }
    this.#sign(to, writer);
  }

  /**
   * An error after authentication, with its code; counted and logged by its reason. Its phrase is
   * the code's own or another.
   */
  refused(
    to: ReplyTarget,
    reason: RefusalReason,
    { unknownAttributes = [], phrase }: Refusal = {},
  ): void {
    const writer = this.#error(to, reason, phrase);
    if (unknownAttributes.length > 0) {
      writer.unknownAttributes(unknownAttributes.slice(0, UNKNOWN_ATTRIBUTES_MAX));
    }
    this.#sign(to, writer);
  }

  /** Counts an Allocate or Connect that a newer one has replaced: it gets no response. */
  outdated(): void {
    this.#stats.outdated += 1;
  }

  /** 300: the relay is draining; another one's address, where one is known. */
  redirected(to: ReplyTarget, alternate: TransportAddress | undefined): void {
    const writer = this.#error(to, 'draining');
    if (alternate) writer.address(AttributeType.AlternateServer, alternate);
    this.#sign(to, writer);
  }

  /** Closed: tells the peer that its connection has ended, unless it asked for that. */
  closed(leg: Leg, code: CloseCode, cause?: RefusalCause): void {
    // The id of the leg's own request: a recorded indication has that of an earlier leg.
    const writer = new MessageWriter('indication', Method.Closed, leg.turn)
      .connectionIdentifier(leg.connectionId)
      .errorCode(code);
    if (cause !== undefined) writer.u32(AttributeType.RefusalCause, cause);
    this.#sign(leg, writer);
  }

  /**
   * Asks a peer for the sign of life that it promised (PROTOCOL.md section 2, Liveness). Two
   * datagrams, because the path seems to lose packets.
   */
  remind({ origin }: Leg): void {
    const data = new MessageWriter('indication', Method.Binding, this.#random(12)).finish();
    const datagram = { side: 'client', tuple: origin.tuple, data } as const;
    this.#plane.send([datagram, datagram]);
  }

  #error(to: ReplyTarget, reason: RefusalReason, phrase?: string): MessageWriter {
    this.#stats.refusals.add(reason);
    this.#log.refused(to.origin.tuple.remote, reason, to.leg);
    const { method, transactionId } = to;
    const writer = new MessageWriter('error', method, transactionId);
    writer.errorCode(REFUSALS[reason], phrase);
    return isOfThePair(reason)
      ? writer.u32(AttributeType.RefusalCause, RefusalCause.relaysUnreachable)
      : writer;
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

/** Bytes; peers of one relay cross no trunk. */
function payloadBytesRecommended({ peerRelay }: Leg): number {
  return peerRelay === 'self' ? PAYLOAD_BYTES_RECOMMENDED : peerRelay.payloadBytesRecommended;
}
