import type { FiveTuple, PuntedDatagram } from '../native/types.js';
import { decodeMessage } from '../stun/message.js';
import { tupleKey } from './origin.js';
import type { ServerContext } from './server-context.js';
import type { Usage } from './usage.js';

/**
 * Reads what clients send that is not data, and gives each request to the usage that it belongs to.
 * No usage knows another one.
 */
export class StunServer {
  readonly #context: ServerContext;
  readonly #usages: readonly Usage[];

  /** @param usages - the first that takes a request gets it */
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
      // Responses are never answered (CVE-2024-2169), and the data plane hands up none.
      return this.#indicated(tuple);
    }
    stats.client.requests += 1;
    for (const usage of this.#usages) {
      if (usage.takes(message)) return usage.receive(message, { worker, tuple });
    }
  }

  /** An indication keeps a NAT's mapping alive, and shows that the client lives. */
  #indicated(tuple: FiveTuple): void {
    this.#context.stats.client.indications += 1;
    this.#context.onHeard(tupleKey(tuple));
  }
}

/** A Binding indication without attributes, the most frequent datagram of all; needs no decoder. */
function isKeepalive(data: Uint8Array): boolean {
  return data.length === 20 && data[0] === 0x00 && data[1] === 0x11 && data[4] === 0x21;
}
