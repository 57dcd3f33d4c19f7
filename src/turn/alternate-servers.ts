import { familyOf, type TransportAddress } from '../address.js';
import { CHALLENGE_TOKEN_BYTES } from '../auth/challenge.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import { MessageWriter } from '../stun/writer.js';
import { respond, type ServerContext, spendBudget } from '../stun-server/server-context.js';
import type { Received } from '../stun-server/usage.js';

/**
 * The servers that clients are sent to while this one takes no allocations (RFC 8489 section 10).
 * Only an Allocate without credentials is answered so: of the clients that follow a 300,
 * some do not follow one that comes after authentication.
 */
export class AlternateServers {
  readonly #context: ServerContext;
  /** Replaced at a reload. */
  servers: readonly TransportAddress[];

  constructor(context: ServerContext, servers: readonly TransportAddress[]) {
    this.#context = context;
    this.servers = servers;
  }

  /**
   * Answers a request 300, its repetitions alike, with a server of its own address family. A
   * response that is longer than its request is paid from the source's budget, as a challenge is.
   * @returns whether the response was sent; undefined without such a server
   */
  redirect({ message, origin }: Received): boolean | undefined {
    const alternate = this.#choose(message.transactionId, origin.tuple.remote);
    if (alternate === undefined) return undefined;
    const writer = new MessageWriter('error', message.method, message.transactionId)
      .errorCode(ErrorCode.TryAlternate)
      .address(AttributeType.AlternateServer, alternate);
    if (message.has(AttributeType.Fingerprint)) writer.fingerprint();
    const response = writer.finish();
    const tokens = Math.ceil(response.length / CHALLENGE_TOKEN_BYTES);
    const isLonger = response.length > message.bytes.length;
    if (isLonger && !spendBudget(this.#context, origin, 'challenge', tokens)) return false;
    respond(this.#context, origin, response);
    return true;
  }

  /** Returns a server of the family of a client's address, by the random transaction id. */
  #choose([first = 0]: Uint8Array, client: TransportAddress): TransportAddress | undefined {
    const some = this.servers.filter((each) => familyOf(each) === familyOf(client));
    return some[first % some.length];
  }
}
