import type { TransportAddress } from '../address.js';
import { AttributeType, UDP_PROTOCOL } from '../stun/attribute-types.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import type { ConnectionOptions } from './connection-options.js';
import { LIVENESS_MS } from './data-liveness.js';
import type { ConnectionGrant } from './grant.js';
import type { RequestOptions } from './requests.js';
import {
  allocateWaitsMs,
  closeWaitsMs,
  connectWaitsMs,
  livenessCheckWaitsMs,
  standardWaitsMs,
} from './retransmission.js';

/** A relay that leaves an Allocate without any answer for this long is not there, by default. */
export const OPEN_TIMEOUT_MS = 3_000;

/** The shortest that `openTimeoutMs` may be. */
export const OPEN_TIMEOUT_MS_MIN = 500;

/** The longest that `openTimeoutMs` may be. */
export const OPEN_TIMEOUT_MS_MAX = 60_000;

/** A peer tells a relay that forgot its address to close the old leg, for this long. */
export const FORMER_LEG_MS = 1_000;

/** An indication has no answer and needs no integrity (PROTOCOL.md section 2). */
export function keepalive(transactionId: Uint8Array): Uint8Array {
  return new MessageWriter('indication', Method.Binding, transactionId).finish();
}

/** The requests of PROTOCOL.md section 2 for one grant: what is in them and how they repeat. */
export class LegRequests {
  readonly #grant: ConnectionGrant;
  readonly #lifetimeSeconds: number;
  readonly #openTimeoutMs: number;

  constructor(
    grant: ConnectionGrant,
    options: Pick<ConnectionOptions, 'lifetimeSeconds' | 'openTimeoutMs'>,
  ) {
    this.#grant = grant;
    this.#lifetimeSeconds = options.lifetimeSeconds;
    this.#openTimeoutMs = options.openTimeoutMs;
  }

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

  refresh(): RequestOptions {
    return this.#refresh(this.#lifetimeSeconds, standardWaitsMs);
  }

  /** A Refresh that a relay which lives answers at once, repeated for as long as anyone waits. */
  livenessCheck(): RequestOptions {
    return this.#refresh(this.#lifetimeSeconds, livenessCheckWaitsMs);
  }

  /** LIFETIME 0, for a leg that the relay holds for a former address of ours. */
  closeFormer(): RequestOptions {
    return this.#refresh(0, () => [FORMER_LEG_MS / 2, FORMER_LEG_MS / 2]);
  }

  /** LIFETIME 0. */
  close(): RequestOptions {
    return this.#refresh(0, closeWaitsMs);
  }

  #refresh(lifetimeSeconds: number, waitsMs: RequestOptions['waitsMs']): RequestOptions {
    return {
      method: Method.Refresh,
      name: 'Refresh',
      write: (writer) => this.#identify(writer).u32(AttributeType.Lifetime, lifetimeSeconds),
      waitsMs,
      timed: true,
    };
  }

  #identify(writer: MessageWriter): MessageWriter {
    return writer.connectionIdentifier(this.#grant.connectionId);
  }
}
