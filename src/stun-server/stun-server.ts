import type { FiveTuple, PuntedDatagram } from '../native/types.js';
import { decodeMessage } from '../stun/message.js';
import { tupleKey } from './origin.js';
import type { ServerContext } from './server-context.js';
import type { Usage } from './usage.js';

/**
 * Receives clients' datagrams that are not data, and passes each request to its usage. Usages do
 * not depend on each other.
 */
export class StunServer {
  readonly #context: ServerContext;
  readonly #usages: readonly Usage[];

  /** @param usages - the first one that takes a request gets it */
  constructor(context: ServerContext, usages: readonly Usage[]) {
    this.#context = context;
    this.#usages = usages;
  }

  /** Handles one datagram. Never throws for anything in it. */
  receive({ worker, tuple, data }: PuntedDatagram): void {
    const { stats, log } = this.#context;
    if (isKeepalive(data)) return this.#indicated(tuple);
    const decoded = decodeMessage(data);
    if (!decoded.ok) {
      stats.client.malformed += 1;
      log.dropped(tuple.remote, 'malformed');
      return;
    }
    const { message } = decoded;
    if (message.messageClass !== 'request') {
      // Responses are not answered (CVE-2024-2169), and the data plane passes none up.
      return this.#indicated(tuple);
    }
    stats.client.requests += 1;
    for (const usage of this.#usages) {
      if (usage.takes(message)) return usage.receive(message, { worker, tuple });
    }
  }

  /** Handles an indication: it keeps a NAT mapping alive and shows that the client is alive. */
  #indicated(tuple: FiveTuple): void {
    this.#context.stats.client.indications += 1;
    this.#context.onHeard(tupleKey(tuple));
  }
}

/**
 * Returns whether a datagram is a Binding indication without attributes: the most frequent control
 * datagram, recognized without decoding.
 */
function isKeepalive(data: Uint8Array): boolean {
  return data.length === 20 && data[0] === 0x00 && data[1] === 0x11 && data[4] === 0x21;
}
