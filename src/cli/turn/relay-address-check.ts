import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import type { TransportAddress } from '../../address.js';
import type { RelayedAddress } from '../../turn/index.js';
import { parsePortRange } from '../../turn-server/port-range.js';
import { isAsked, resolveRelayAddresses } from '../../turn-server/resolve-relay-addresses.js';
import type { ReloadedFile } from '../reload/reload.js';
import { sayReload } from '../reload/say-reload.js';

/** The options and the server whose relay addresses are checked. */
interface Asked {
  readonly options: {
    readonly relayAddress: readonly string[];
    readonly stunServer?: string | undefined;
    readonly relayPorts: string;
  };
  readonly server: {
    readonly listen: readonly TransportAddress[];
    readonly relayAddresses: readonly RelayedAddress[];
  };
  readonly logger: Logger;
}

/**
 * Returns what a reload does about relay addresses that were asked for at a STUN server: it asks
 * again, and says whether they have changed. New ones need a restart, since clients hold relayed
 * addresses with the old ones.
 */
export function relayAddressCheck({ options, server, logger }: Asked): ReloadedFile {
  const { relayAddress: relayAddresses, stunServer, relayPorts } = options;
  const check = async () => {
    const before = textOf(server.relayAddresses);
    try {
      const found = await resolveRelayAddresses({
        ...{ relayAddresses, stunServer, listen: server.listen },
        ...{ ports: parsePortRange(relayPorts), random: randomBytes },
      });
      const now = textOf(found);
      if (now === before) return sayReload(logger, ITEM, 'unchanged', `relays from ${now}`);
      const change = `relays from ${before}, which would be ${now} now: restart to apply`;
      sayReload(logger, ITEM, 'restart-needed', change);
    } catch (error) {
      sayReload(logger, ITEM, 'kept', `relays from ${before} as before`, error);
    }
  };
  const isToCheck = isAsked(relayAddresses);
  return { check: async (asked) => (asked === undefined || !isToCheck ? undefined : check()) };
}

const ITEM = 'relay-address';

function textOf(addresses: readonly RelayedAddress[]): string {
  return addresses
    .map(({ address, advertised }) => `${address} (seen as ${advertised})`)
    .sort()
    .join(', ');
}
