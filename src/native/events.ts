import type { TransportAddress } from '../address.js';
import type { TransportHandle } from './transport-handle.js';
import type { Heard } from './types.js';

/** What workers report that is no datagram. */
export type DataPlaneEvent =
  | {
      /** A plain trunk probe came back from the relay. */
      readonly type: 'probe-reply';
      readonly relayIndex: number;
      readonly number: number;
      readonly rttNs: number;
    }
  | {
      /** A path probe came back (PROTOCOL.md section 4). */
      readonly type: 'path-probe-reply';
      readonly relayIndex: number;
      readonly number: number;
      readonly rttNs: number;
      /** The trunk socket that it came to, or whose lane port. */
      readonly socket: number;
      readonly remote: TransportAddress;
      /** Whether the relay gets answers to its own probes by this path, if it says so. */
      readonly heard: Heard;
    }
  | {
      /** Valid trunk data on a session index that is not bound; at most 10 a second per relay. */
      readonly type: 'unbound-index';
      readonly relayIndex: number;
      readonly sessionIndex: number;
    }
  | {
      /**
       * An endpoint is closed though nobody asked: the system took its socket. Its entries are
       * removed, and nothing more arrives from it.
       */
      readonly type: 'endpoint-closed';
      readonly handle: TransportHandle;
      /** Why, as the system names it. */
      readonly errno: string;
    }
  | {
      /**
       * An ICMP error to a datagram that left through an endpoint; at most 10 a second and
       * endpoint, 500 a second and worker. Anybody on the path can forge one: a hint, which
       * changes nothing in the plane.
       */
      readonly type: 'icmp-error';
      readonly handle: TransportHandle;
      /** Where the datagram was sent to. */
      readonly remote: TransportAddress;
      /** As in RFC 792 over IPv4, RFC 4443 over IPv6. */
      readonly icmpType: number;
      readonly icmpCode: number;
      /** The MTU of the path, where the datagram was too long for it; else of no meaning. */
      readonly icmpInfo: number;
    };
