import type { PuntedDatagram } from '../native/types.js';
import { decodeMessage } from '../stun/message.js';
import type { BindingUsage } from './binding-usage.js';
import type { ServerContext } from './server-context.js';
import type { Usage } from './usage.js';

/**
 * Receives clients' datagrams that are not data, and passes each message to its usage. Usages do
 * not depend on each other.
 */
export class StunServer {
  readonly #context: ServerContext;
  readonly #binding: BindingUsage;
  readonly #usages: readonly Usage[];

  /**
   * @param binding - gets keep-alives without decoding
   * @param usages - the first one that owns a message gets it
   */
  constructor(context: ServerContext, binding: BindingUsage, usages: readonly Usage[]) {
    this.#context = context;
    this.#binding = binding;
    this.#usages = usages;
  }

  /** Handles one datagram. Never throws for anything in it. */
  receive({ worker, tuple, data }: PuntedDatagram): void {
    const { stats, log } = this.#context;
    if (isKeepalive(data)) {
      stats.client.indications += 1;
      return this.#binding.heard(tuple);
    }
    const decoded = decodeMessage(data);
    if (!decoded.ok) {
      stats.client.malformed += 1;
      log.dropped(tuple.remote, 'malformed');
      return;
    }
    const { message } = decoded;
    // Responses are not answered (CVE-2024-2169); the data plane passes none up.
    stats.client[message.messageClass === 'request' ? 'requests' : 'indications'] += 1;
    const usage = this.#usages.find((each) => each.owns(message));
    if (usage === undefined) return;
    const unknownAttributes = message.unknownRequired(usage.knownAttributes);
    usage.receive({ message, origin: { worker, tuple }, unknownAttributes });
  }
}

/**
 * Returns whether a datagram is a Binding indication without attributes: the most frequent control
 * datagram, recognized without decoding.
 */
function isKeepalive(data: Uint8Array): boolean {
  return data.length === 20 && data[0] === 0x00 && data[1] === 0x11 && data[4] === 0x21;
}
