import type { TransportAddress } from '../address.js';
import { AttributeType, UDP_PROTOCOL } from '../stun/attribute-types.js';
import { Method } from '../stun/methods.js';
import { standardWaitsMs } from '../stun/transmission-limits.js';
import { MessageWriter } from '../stun/writer.js';
import type { ConnectionOptions } from './connection-options.js';
import { LIVENESS_MS } from './data-liveness.js';
import type { ConnectionGrant } from './grant.js';
import type { LegReport } from './leg-measurement.js';
import {
  allocateWaitsMs,
  closeWaitsMs,
  connectWaitsMs,
  livenessCheckWaitsMs,
} from './request-waits.js';
import type { RequestOptions } from './requests.js';

/** Default time for the first response to an Allocate. */
export const OPEN_TIMEOUT_MS = 3_000;

/** Minimum of `openTimeoutMs`. */
export const OPEN_TIMEOUT_MS_MIN = 500;

/** Maximum of `openTimeoutMs`. */
export const OPEN_TIMEOUT_MS_MAX = 60_000;

/** Time in which a peer tries to close the leg of its former address after a 437. */
export const FORMER_LEG_MS = 1_000;

/**
 * Returns a Binding indication. It has no integrity and gets no response (PROTOCOL.md section 2).
 */
export function keepalive(transactionId: Uint8Array): Uint8Array {
  return new MessageWriter('indication', Method.Binding, transactionId).finish();
}

/** Builds the requests for one grant (PROTOCOL.md section 2), with their retransmission. */
export class LegRequests {
  readonly #grant: ConnectionGrant;
  readonly #lifetimeSeconds: number;
  readonly #openTimeoutMs: number;
  readonly #report: () => LegReport | undefined;

  /**
   * @param grant - the peer's half of the directory's answer
   * @param options - LIFETIME to request, s, and time for the first response to an Allocate, ms
   * @param report - returns what a Refresh tells the relay of the leg; undefined for nothing
   */
  constructor(
    grant: ConnectionGrant,
    options: Pick<ConnectionOptions, 'lifetimeSeconds' | 'openTimeoutMs'>,
    report: () => LegReport | undefined,
  ) {
    this.#report = report;
    this.#grant = grant;
    this.#lifetimeSeconds = options.lifetimeSeconds;
    this.#openTimeoutMs = options.openTimeoutMs;
  }

  /** Returns an Allocate request. */
  allocate(): RequestOptions {
    const { role, peerRelay } = this.#grant;
    return {
      method: Method.Allocate,
      name: 'Allocate',
      write: (writer) =>
        this.#identify(writer)
          .requestedTransport(UDP_PROTOCOL)
          .connectionRole(role)
          .address(AttributeType.XorPeerRelayAddress, peerRelay)
          .u32(AttributeType.Lifetime, this.#lifetimeSeconds)
          .u32(AttributeType.Liveness, LIVENESS_MS / 1_000),
      waitsMs: () => allocateWaitsMs(this.#openTimeoutMs),
      timed: true,
    };
  }

  /** Returns a Connect request. @param peerAddress - the other peer's NAT address */
  connect(peerAddress: TransportAddress): RequestOptions {
    return {
      method: Method.Connect,
      name: 'Connect',
      write: (writer) =>
        this.#identify(writer)
          .address(AttributeType.XorPeerAddress, peerAddress)
          .u32(AttributeType.Liveness, LIVENESS_MS / 1_000),
      waitsMs: connectWaitsMs,
      timed: false,
    };
  }

  /** Returns a Refresh request that extends the lifetime. */
  refresh(): RequestOptions {
    return this.#refresh(this.#lifetimeSeconds, (rtoMs) => standardWaitsMs(rtoMs));
  }

  /**
   * Returns a Refresh request to check the relay, retransmitted until it is aborted or times out.
   */
  livenessCheck(): RequestOptions {
    return this.#refresh(this.#lifetimeSeconds, livenessCheckWaitsMs);
  }

  /**
   * Returns a Refresh of LIFETIME 0 for a leg that the relay holds for a former address of this
   * peer.
   */
  closeFormer(): RequestOptions {
    return this.#refresh(0, () => [FORMER_LEG_MS / 2, FORMER_LEG_MS / 2]);
  }

  /** Returns a Refresh of LIFETIME 0. */
  close(): RequestOptions {
    return this.#refresh(0, closeWaitsMs);
  }

  #refresh(lifetimeSeconds: number, waitsMs: RequestOptions['waitsMs']): RequestOptions {
    let report: LegReport | undefined;
    return {
      method: Method.Refresh,
      name: 'Refresh',
      write: (writer) => {
        this.#identify(writer).u32(AttributeType.Lifetime, lifetimeSeconds);
        report = this.#report();
        if (report !== undefined) writer.legQuality(report.quality);
      },
      waitsMs,
      timed: true,
      answered: () => report?.delivered(),
    };
  }

  #identify(writer: MessageWriter): MessageWriter {
    return writer.connectionIdentifier(this.#grant.connectionId);
  }
}
