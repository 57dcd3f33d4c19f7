import { familyOf, isWildcard, type TransportAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { listenerHandle, type TransportHandle } from '../native/transport-handle.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';
import type { MessageWriter } from '../stun/writer.js';
import type { Origin } from './origin.js';

/**
 * Maximum bytes of PADDING in a response: a usual MTU in whole words (RFC 5780 section 6.1). It is
 * never longer than that of the request, so that no forged source is sent more than was sent in its
 * name.
 */
export const RESPONSE_PADDING_BYTES_MAX = 1_500;

/** The comprehension-required attributes of a Binding request (RFC 5780 section 7). */
const REQUEST_ATTRIBUTES: readonly number[] = [
  AttributeType.ChangeRequest,
  AttributeType.BindingPadding,
  AttributeType.ResponsePort,
];

/** An address for clients. */
interface Listener {
  readonly handle: TransportHandle;
  readonly bound: TransportAddress;
  /** As clients see it. */
  readonly told: TransportAddress;
}

/** A listener, and those that differ from it in the IP address, the port, or both. */
interface Corner {
  readonly own: Listener;
  readonly otherIp: Listener;
  readonly otherPort: Listener;
  readonly other: Listener;
}

/** How a Binding response leaves. */
export interface BindingRoute {
  /** The socket that it leaves by, and where it goes. */
  readonly origin: Origin;
  /** Whether somebody else than the sender of the request may get it. */
  readonly isRedirected: boolean;
  /** Appends what RFC 5780 adds to a success response. */
  readonly append: (writer: MessageWriter) => void;
}

/**
 * NAT behaviour discovery (RFC 5780): clients learn how their NAT maps and filters by Binding
 * requests to two addresses with two ports each, and by answers that leave from another one of the
 * four than was asked.
 */
export class NatDiscovery {
  /** The attributes that a Binding request may have besides those of the server. */
  readonly attributes = REQUEST_ATTRIBUTES;
  readonly #corners: ReadonlyMap<TransportHandle, Corner>;

  /**
   * @param listen - the bound addresses for clients, in the order of the data plane
   * @param toldIp - returns the IP address that clients see in place of a bound one
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG unless two IP addresses of a family have the same two
   *   ports
   */
  constructor(listen: readonly TransportAddress[], toldIp: (ip: string) => string) {
    const listeners = listen.map((bound, index) => ({
      handle: listenerHandle('client', index),
      bound,
      told: { address: toldIp(bound.address), port: bound.port },
    }));
    const corners = listeners.flatMap((own) => cornerOf(own, listeners) ?? []);
    this.#corners = new Map(corners.map((corner) => [corner.own.handle, corner]));
    if (corners.length > 0) return;
    const message =
      '`natDiscovery` (--nat-discovery) needs two IP addresses of this host with the same two ' +
      'each: give all four as `listen` (--listen), and no wildcard';
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
  }

  /**
   * Returns the attributes of a request that this server knows in general, but not at this address:
   * CHANGE-REQUEST where there is no other address (RFC 5780 section 6.1).
   */
  unknownAt(message: StunMessage, { tuple }: Origin): readonly number[] {
    const cannotChange = !this.#corners.has(tuple.handle);
    return cannotChange && message.has(AttributeType.ChangeRequest)
      ? [AttributeType.ChangeRequest]
      : [];
  }

  /**
   * Returns how a success response to a request leaves (RFC 5780 section 6.1).
   * @returns undefined for a request that is to be refused with 400
   */
  routeOf(message: StunMessage, origin: Origin): BindingRoute | undefined {
    const { tuple } = origin;
    const port = message.has(AttributeType.ResponsePort)
      ? message.responsePort()
      : tuple.remote.port;
    const change = message.has(AttributeType.ChangeRequest)
      ? message.changeRequest()
      : { ip: false, port: false };
    const padding = message.get(AttributeType.BindingPadding);
    if (!port || change === undefined) return undefined;
    // A padded answer to another port would amplify what somebody behind the same NAT gets.
    if (padding !== undefined && message.has(AttributeType.ResponsePort)) return undefined;
    const corner = this.#corners.get(tuple.handle);
    const from = corner && sourceOf(corner, change);
    const isElsewhere = from !== undefined && from !== corner?.own;
    const leaves = isElsewhere ? { handle: from.handle } : tuple;
    return {
      origin: { ...origin, tuple: { ...leaves, remote: { ...tuple.remote, port } } },
      isRedirected: isElsewhere || port !== tuple.remote.port,
      append: (writer) => {
        writer.address(AttributeType.MappedAddress, tuple.remote);
        if (corner !== undefined && from !== undefined) {
          writer
            .address(AttributeType.ResponseOrigin, from.told)
            .address(AttributeType.OtherAddress, corner.other.told);
        }
        if (padding === undefined) return;
        const bytes = Math.min(padding.length, RESPONSE_PADDING_BYTES_MAX);
        writer.bytes(AttributeType.BindingPadding, new Uint8Array(bytes));
      },
    };
  }
}

function sourceOf(corner: Corner, change: { ip: boolean; port: boolean }): Listener {
  if (change.ip) return change.port ? corner.other : corner.otherIp;
  return change.port ? corner.otherPort : corner.own;
}

/** Returns the first listeners that complete a listener to two IP addresses with two ports. */
function cornerOf(own: Listener, listeners: readonly Listener[]): Corner | undefined {
  if (isWildcard(own.bound)) return undefined;
  const at = (address: string, port: number) =>
    listeners.find(({ bound }) => bound.address === address && bound.port === port);
  for (const other of listeners) {
    const { address, port } = other.bound;
    const isApart = address !== own.bound.address && port !== own.bound.port;
    if (!isApart || isWildcard(other.bound) || familyOf(other.bound) !== familyOf(own.bound)) {
      continue;
    }
    const [otherIp, otherPort] = [at(address, own.bound.port), at(own.bound.address, port)];
    if (otherIp !== undefined && otherPort !== undefined) return { own, otherIp, otherPort, other };
  }
  return undefined;
}
