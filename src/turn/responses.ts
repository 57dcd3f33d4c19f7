import type { AddressFamily } from '../address.js';
import type { Signer } from '../auth/long-term.js';
import { isTurnpikeError } from '../errors.js';
import { AddressFamilyNumber } from '../stun/address-coding.js';
import { AttributeType } from '../stun/attribute-types.js';
import { copiedTransactionId, type StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import type { Origin } from '../stun-server/origin.js';
import { UNKNOWN_ATTRIBUTES_MAX } from '../stun-server/usage.js';
import type { Allocation } from './allocation.js';
import { REFUSALS, type RefusalReason } from './refusals.js';
import type { TurnLog } from './turn-log.js';
import type { TurnPlane } from './turn-options.js';
import type { ClientRequest } from './turn-request.js';
import type { TurnStats } from './turn-stats.js';

/** The value of SOFTWARE. It has no version, which would tell attackers what to try. */
export const SOFTWARE = 'Turnpike';

/** The request that a response answers. It holds no view of the request's bytes. */
export interface ReplyTarget {
  readonly origin: Origin;
  readonly method: number;
  readonly transactionId: Uint8Array;
  readonly signer: Signer;
  readonly username: string;
  /** Whether the request has FINGERPRINT. */
  readonly fingerprint: boolean;
}

/** Returns what a response needs of a request, to be kept after the request's batch is gone. */
export function replyTarget(request: ClientRequest): ReplyTarget {
  return {
    origin: request.origin,
    method: request.method,
    transactionId: copiedTransactionId(request.transactionId),
    signer: request.signer,
    username: request.principal.username,
    fingerprint: hasFingerprint(request.message),
  };
}

/** Further content of an Allocate success. */
export interface AllocateSuccess {
  readonly lifetimeSeconds: number;
  /** RESERVATION-TOKEN. */
  readonly token: Uint8Array | undefined;
  /** MOBILITY-TICKET. */
  readonly ticket: Uint8Array | undefined;
  /** The family of a dual allocation that failed, and why. */
  readonly failed: { readonly family: AddressFamily; readonly reason: RefusalReason } | undefined;
}

/**
 * Builds and sends responses to authenticated clients. Each has the integrity of its request (RFC
 * 8489 section 9.2.4), and FINGERPRINT if the request has. SOFTWARE is in responses to Allocate and
 * Refresh where it is wanted (RFC 8656 section 5).
 */
export class Responses {
  readonly #plane: Pick<TurnPlane, 'send'>;
  readonly #stats: TurnStats;
  readonly #log: TurnLog;
  readonly #software: boolean;

  /** @param software - whether responses to Allocate and Refresh have SOFTWARE */
  constructor(plane: Pick<TurnPlane, 'send'>, stats: TurnStats, log: TurnLog, software: boolean) {
    this.#plane = plane;
    this.#stats = stats;
    this.#log = log;
    this.#software = software;
  }

  /** Sends an Allocate success (RFC 8656 section 7.2). @returns the message */
  allocated(
    to: ReplyTarget,
    { relayed, origin }: Allocation,
    { lifetimeSeconds, token, ticket, failed }: AllocateSuccess,
  ): Uint8Array {
    const writer = this.#success(to);
    for (const { advertised } of relayed) {
      writer.address(AttributeType.XorRelayedAddress, advertised);
    }
    writer
      .u32(AttributeType.Lifetime, lifetimeSeconds)
      .address(AttributeType.XorMappedAddress, origin.tuple.remote);
    if (token !== undefined) writer.bytes(AttributeType.ReservationToken, token);
    if (ticket !== undefined) writer.bytes(AttributeType.MobilityTicket, ticket);
    if (failed !== undefined) {
      writer.addressErrorCode(AddressFamilyNumber[failed.family], REFUSALS[failed.reason]);
    }
    return this.#send(to, writer);
  }

  /**
   * Sends a Refresh success.
   * @param ticket - MOBILITY-TICKET, if the request has moved the allocation
   * @returns the message
   */
  refreshed(to: ReplyTarget, lifetimeSeconds: number, ticket?: Uint8Array): Uint8Array {
    const writer = this.#success(to).u32(AttributeType.Lifetime, lifetimeSeconds);
    if (ticket !== undefined) writer.bytes(AttributeType.MobilityTicket, ticket);
    return this.#send(to, writer);
  }

  /** Sends a Binding success: the address that the request came from. */
  bound(to: ReplyTarget): void {
    const { remote } = to.origin.tuple;
    this.#send(to, this.#success(to).address(AttributeType.XorMappedAddress, remote));
  }

  /** Sends a success without content: of CreatePermission or ChannelBind. */
  succeeded(to: ReplyTarget): void {
    this.#send(to, this.#success(to));
  }

  /**
   * Counts and logs a reason for refusing a request, and sends the error response. One that meets a
   * full queue of the data plane, or moves an allocation too often, gets no response: the client
   * sends it again, while clients take a 508 as final.
   * @returns the message, if one was sent
   */
  refused(
    to: ReplyTarget,
    reason: RefusalReason,
    unknownAttributes: readonly number[] = [],
  ): Uint8Array | undefined {
    this.#stats.refusals.add(reason);
    this.#log.refused(to.origin.tuple.remote, reason, to.username);
    if (reason === 'data-plane-busy' || reason === 'moves-too-often') return undefined;
    const writer = new MessageWriter('error', to.method, to.transactionId);
    writer.errorCode(REFUSALS[reason]);
    if (unknownAttributes.length > 0) {
      writer.unknownAttributes(unknownAttributes.slice(0, UNKNOWN_ATTRIBUTES_MAX));
    }
    return this.#send(to, writer);
  }

  /** Sends a response again. */
  again({ origin }: { readonly origin: Origin }, response: Uint8Array): void {
    this.#give(origin, response);
  }

  #success(to: ReplyTarget): MessageWriter {
    return new MessageWriter('success', to.method, to.transactionId);
  }

  #send({ origin, method, signer, fingerprint }: ReplyTarget, writer: MessageWriter): Uint8Array {
    const isAbout = method === Method.Allocate || method === Method.Refresh;
    if (this.#software && isAbout) writer.text(AttributeType.Software, SOFTWARE);
    writer.integrity(signer.kind, signer.key);
    if (fingerprint) writer.fingerprint();
    const data = writer.finish();
    this.#give(origin, data);
    return data;
  }

  /** Sends bytes; none after the data plane was closed while a request was in progress. */
  #give({ worker, tuple }: Origin, data: Uint8Array): void {
    try {
      this.#plane.send([{ side: 'client', worker, tuple, data }]);
    } catch (error) {
      if (!isTurnpikeError(error, 'ERR_TURNPIKE_CLOSED')) throw error;
    }
  }
}

function hasFingerprint(message: StunMessage): boolean {
  return message.has(AttributeType.Fingerprint);
}
