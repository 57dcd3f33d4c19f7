import type { TransportAddress } from '../address.js';
import type { Signer } from '../auth/long-term.js';
import type { RandomBytes } from '../random.js';
import { AttributeType } from '../stun/attribute-types.js';
import { PAYLOAD_BYTES_RECOMMENDED } from '../stun/channel-data.js';
import { RefusalCause } from '../stun/error-codes.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import type { Origin } from '../stun-server/origin.js';
import { UNKNOWN_ATTRIBUTES_MAX } from '../stun-server/usage.js';
import type { LegName } from '../trunk/control-message.js';
import type { OverlayPlane } from './forwarding.js';
import type { Leg } from './leg.js';
import type { CloseCode } from './leg-ends.js';
import type { OverlayLog } from './overlay-log.js';
import type { OverlayStats } from './overlay-stats.js';
import { isOfThePair, REFUSALS, type RefusalReason } from './refusals.js';

/** The request that a response answers, and its sender. */
export interface ReplyTarget {
  readonly origin: Origin;
  readonly method: number;
  readonly transactionId: Uint8Array;
  readonly signer: Signer;
  /** Its claims name the leg, existing or not. */
  readonly principal: { readonly claims: LegName };
}

/** Further content of an error response. */
interface Refusal {
  readonly unknownAttributes?: readonly number[] | undefined;
  readonly phrase?: string | undefined;
}

/** Dependencies of `Responses`. */
export interface ResponsesOptions {
  readonly plane: Pick<OverlayPlane, 'send'>;
  readonly random: RandomBytes;
  readonly stats: OverlayStats;
  readonly log: OverlayLog;
}

/** Builds and sends responses and indications to authenticated peers. */
export class Responses {
  readonly #plane: Pick<OverlayPlane, 'send'>;
  readonly #random: RandomBytes;
  readonly #stats: OverlayStats;
  readonly #log: OverlayLog;

  constructor({ plane, random, stats, log }: ResponsesOptions) {
    this.#plane = plane;
    this.#random = random;
    this.#stats = stats;
    this.#log = log;
  }

  /** Sends an Allocate success: the peer's NAT address, and the leg's lifetime. */
  allocated(to: ReplyTarget, leg: Leg): void {
    const writer = this.#success(to)
      .address(AttributeType.XorMappedAddress, leg.origin.tuple.remote)
      .u32(AttributeType.Lifetime, leg.lifetimeSeconds);
    this.#sign(to, writer);
  }

  /** Sends a Connect success: the channel, the lifetime and the recommended payload. */
  connected(to: ReplyTarget, leg: Leg, channel: number): void {
    const payloadBytes = payloadBytesRecommended(leg);
    leg.payloadBytesSaid = payloadBytes;
    const writer = this.#success(to)
      .channelNumber(channel)
      .u32(AttributeType.Lifetime, leg.lifetimeSeconds)
      .u32(AttributeType.RecommendedPayload, payloadBytes);
    this.#sign(to, writer);
  }

  /** Sends a Refresh success; lifetime 0 for a closed leg. */
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
   * Sends an error response, and counts and logs its reason. The reason phrase is the code's own
   * unless given.
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

  /**
   * Counts and logs a request to extend a leg that meets a full queue of the data plane. It gets no
   * response: the peer sends it again, while a 508 would end a connection that works.
   */
  postponed(to: ReplyTarget): void {
    this.#stats.refusals.add('data-plane-full');
    this.#log.refused(to.origin.tuple.remote, 'data-plane-full', to.principal.claims);
  }

  /**
   * Sends a 300, because the relay is draining, with the address of another relay if one is known.
   */
  redirected(to: ReplyTarget, alternate: TransportAddress | undefined): void {
    const writer = this.#error(to, 'draining');
    if (alternate) writer.address(AttributeType.AlternateServer, alternate);
    this.#sign(to, writer);
  }

  /** Sends a Closed indication: the connection has ended without the peer's request. */
  closed(leg: Leg, code: CloseCode, cause?: RefusalCause): void {
    // With the id of the leg's own request: a recorded indication has that of an earlier leg.
    const writer = new MessageWriter('indication', Method.Closed, leg.turn)
      .connectionIdentifier(leg.connectionId)
      .errorCode(code);
    if (cause !== undefined) writer.u32(AttributeType.RefusalCause, cause);
    this.#sign(leg, writer);
  }

  /**
   * Asks a peer for its promised sign of life (PROTOCOL.md section 2, Liveness), twice, because the
   * path seems to lose packets.
   */
  remind({ origin }: Leg): void {
    const data = new MessageWriter('indication', Method.Binding, this.#random(12)).finish();
    const datagram = { side: 'client', tuple: origin.tuple, data } as const;
    this.#plane.send([datagram, datagram]);
  }

  #error(to: ReplyTarget, reason: RefusalReason, phrase?: string): MessageWriter {
    this.#stats.refusals.add(reason);
    this.#log.refused(to.origin.tuple.remote, reason, to.principal.claims);
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

/** Returns the recommended payload, bytes. Peers of one relay do not cross a trunk. */
function payloadBytesRecommended({ peerRelay }: Leg): number {
  return peerRelay === 'self' ? PAYLOAD_BYTES_RECOMMENDED : peerRelay.payloadBytesRecommended;
}
