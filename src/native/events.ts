import type { TransportAddress } from '../address.js';
import type { TransportHandle } from './transport-handle.js';
import type { Heard } from './types.js';

/** Events that workers report. */
export type DataPlaneEvent =
  | {
      /** The reply to a plain trunk probe. */
      readonly type: 'probe-reply';
      readonly relayIndex: number;
      readonly number: number;
      readonly rttNs: number;
    }
  | {
      /** The reply to a path probe (PROTOCOL.md section 4). */
      readonly type: 'path-probe-reply';
      readonly relayIndex: number;
      readonly number: number;
      readonly rttNs: number;
      /** Index of the trunk address that received it, by its socket or one of its lane ports. */
      readonly socket: number;
      readonly remote: TransportAddress;
      /** Whether the relay's own probes on this path are answered, if it says so. */
      readonly heard: Heard;
      /**
       * Number of this relay's probes that the relay has received on the path, modulo 255;
       * undefined if it does not tell.
       */
      readonly received?: number | undefined;
    }
  | {
      /** Valid trunk data on an unbound session index; at most 10 per second and relay. */
      readonly type: 'unbound-index';
      readonly relayIndex: number;
      readonly sessionIndex: number;
    }
  | {
      /** The first data of a client from the 5-tuple that it has moved to (`putMovedClient`). */
      readonly type: 'client-moved';
      readonly number: number;
    }
  | {
      /**
       * The worker closed an endpoint because its socket failed. Its entries are removed, and it
       * receives nothing more.
       */
      readonly type: 'endpoint-closed';
      readonly handle: TransportHandle;
      /** The errno's name, such as `ENETDOWN`. */
      readonly errno: string;
    }
  | {
      /**
       * An ICMP error for a datagram sent by an endpoint; at most 10 per second and endpoint, and
       * 500 per second and worker. ICMP can be forged, so the event is a hint and changes nothing
       * in the plane.
       */
      readonly type: 'icmp-error';
      readonly handle: TransportHandle;
      /** Destination of the datagram. */
      readonly remote: TransportAddress;
      /** Type and code of RFC 792 for IPv4 or RFC 4443 for IPv6. */
      readonly icmpType: number;
      readonly icmpCode: number;
      /** The path MTU in bytes if the datagram was too long for it; otherwise meaningless. */
      readonly icmpInfo: number;
    };
