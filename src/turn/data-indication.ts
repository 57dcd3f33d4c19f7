import { familyOf, type TransportAddress } from '../address.js';
import type { DataPlaneEvent } from '../native/events.js';
import { AttributeType } from '../stun/attribute-types.js';
import { TRANSACTION_ID_BYTES } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import type { Allocation } from './allocation.js';
import type { TurnContext } from './context.js';
import type { TurnPlane } from './turn-options.js';

/** Types of ICMP errors that clients are told (RFC 8656 section 11.5), by family. */
const TOLD_TYPES = { 4: [3, 11], 6: [1, 2, 3] } as const;

/** Type and code of the errors that name the path MTU (RFC 792, RFC 4443), by family. */
const TOO_BIG = { 4: { type: 3, code: 4 }, 6: { type: 2, code: 0 } } as const;

type IcmpError = Extract<DataPlaneEvent, { readonly type: 'icmp-error' }>;

/**
 * Data indications with ICMP (RFC 8656 section 11.5): tell a client that a datagram to a permitted
 * peer met an error. Data indications with DATA are the data plane's.
 */
export class DataIndications {
  readonly #context: TurnContext;
  readonly #plane: Pick<TurnPlane, 'send'>;

  constructor(context: TurnContext, plane: Pick<TurnPlane, 'send'>) {
    this.#context = context;
    this.#plane = plane;
  }

  /** Tells an ICMP error to the client of the endpoint, if it has a permission for the peer. */
  tell({ handle, remote, icmpType, icmpCode, icmpInfo }: IcmpError): void {
    const { table, random, stats } = this.#context;
    const allocation = table.ofHandle(handle)?.allocation;
    const family = familyOf(remote);
    const isTold = TOLD_TYPES[family].some((type) => type === icmpType);
    if (allocation === undefined || !isTold || !allocation.tellsIcmpErrors) return;
    if (!this.#isPermitted(allocation, remote)) return;
    const { type, code } = TOO_BIG[family];
    const isTooBig = icmpType === type && icmpCode === code;
    const data = new MessageWriter('indication', Method.Data, random(TRANSACTION_ID_BYTES))
      .address(AttributeType.XorPeerAddress, remote)
      .icmp(icmpType, icmpCode, isTooBig ? icmpInfo : 0)
      .finish();
    stats.icmp_errors += 1;
    this.#plane.send([{ side: 'client', tuple: allocation.origin.tuple, data }]);
  }

  #isPermitted(allocation: Allocation, peer: TransportAddress): boolean {
    const now = this.#context.clock.monotonic();
    const permission = allocation.permissions.get(peer.address);
    if (permission !== undefined && now < permission.expiresAt) return true;
    const channel = allocation.channelOf(peer);
    return channel?.state === 'bound' && now < channel.expiresAt;
  }
}
