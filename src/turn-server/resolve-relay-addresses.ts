import { type AddressFamily, familyOf, isGlobal, type TransportAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import type { RandomBytes } from '../random.js';
import type { PortRange, RelayedAddress } from '../turn/index.js';
import { askMappedAddress } from './mapped-address.js';
import { AUTO, defaultRelayAddresses, parseRelayAddress } from './relay-addresses.js';
import { parseStunServer, stunServerAddress } from './stun-server-name.js';

/** What relay addresses are found out from. */
export interface RelayAddressInput {
  /** As in `TurnServerOptions`; empty for the default. */
  readonly relayAddresses: readonly string[];
  readonly stunServer: string | undefined;
  readonly listen: readonly TransportAddress[];
  readonly ports: PortRange;
  readonly random: RandomBytes;
}

/** A relay address, and what is doubtful about it. */
export interface FoundRelayAddress extends RelayedAddress {
  /** The port that the STUN server saw, if the NAT changes ports: it is not one-to-one. */
  readonly portSeen?: { readonly local: number; readonly mapped: number };
}

/** Returns whether a relay address is asked for at a STUN server. */
export function isAsked(relayAddresses: readonly string[]): boolean {
  return relayAddresses.some((text) => parseRelayAddress(text).advertised === AUTO);
}

/**
 * Returns the relay addresses that options name. `auto` as the bound address is this host's by the
 * default route of each family that it listens on; as the advertised one it is what the STUN server
 * sees. Where the server has no address of a family, `auto` alone keeps a global address of that
 * family as it is, and leaves out another one.
 * @throws TurnpikeError as `parseRelayAddress`, `parseStunServer`, `defaultRelayAddresses`,
 *   `stunServerAddress` and `askMappedAddress`; ERR_TURNPIKE_CONFIG for `auto` without a STUN
 *   server, or the reverse; ERR_TURNPIKE_STUN_SERVER if the server has no address of a family
 */
export async function resolveRelayAddresses(
  input: RelayAddressInput,
): Promise<readonly FoundRelayAddress[]> {
  const { relayAddresses, stunServer, listen } = input;
  if (isAsked(relayAddresses) !== (stunServer !== undefined)) throw unpaired(stunServer);
  if (relayAddresses.length === 0) return defaultRelayAddresses(listen);
  const found = new Map<string, FoundRelayAddress>();
  for (const { address, advertised } of relayAddresses.map(parseRelayAddress)) {
    const bound =
      address === AUTO
        ? (await defaultRelayAddresses(listen)).map((each) => each.address)
        : [address];
    const fitting = bound.filter((ip) => advertised === AUTO || isAlike(ip, advertised));
    for (const ip of fitting) {
      const one =
        advertised === AUTO ? await seen(input, ip, address === AUTO) : { address: ip, advertised };
      if (one !== undefined) found.set(ip, one);
    }
  }
  if (found.size > 0) return [...found.values()];
  const message = 'no address of this host is of the family that is advertised or asked for';
  throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `relay addresses: ${message}`);
}

function unpaired(stunServer: string | undefined): TurnpikeError {
  const message =
    stunServer === undefined
      ? 'the relay address `auto` asks a STUN server: name one (--stun-server)'
      : 'a STUN server is asked only for the relay address `auto` (--relay-address auto)';
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
}

/** Asks how an address is seen. @returns undefined if it is to be left out */
async function seen(
  { stunServer = '', ports, random }: RelayAddressInput,
  ip: string,
  mayLeaveOut: boolean,
): Promise<FoundRelayAddress | undefined> {
  const server = await stunServerAddress(parseStunServer(stunServer), familyOfIp(ip));
  if (server === undefined) {
    if (mayLeaveOut) return isGlobal(ip) ? { address: ip, advertised: ip } : undefined;
    const message = `the STUN server ${stunServer} has no address of the family of ${ip}`;
    throw new TurnpikeError('ERR_TURNPIKE_STUN_SERVER', message);
  }
  const { local, mapped } = await askMappedAddress({ server, from: ip, ports, random });
  const portSeen = { local: local.port, mapped: mapped.port };
  const found = { address: ip, advertised: mapped.address };
  return local.port === mapped.port ? found : { ...found, portSeen };
}

function familyOfIp(ip: string): AddressFamily {
  return familyOf({ address: ip, port: 0 });
}

function isAlike(ip: string, advertised: string): boolean {
  return familyOfIp(ip) === familyOfIp(advertised);
}
