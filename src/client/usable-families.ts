import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type AddressFamily, familyOf, type TransportAddress } from '../address.js';
import { step } from './relay-socket.js';

/**
 * Public addresses (f.root-servers.net's) in place of unknown relays. Nothing is sent to them:
 * connecting a UDP socket only looks up the route.
 */
const ANYWHERE: Readonly<Record<AddressFamily, TransportAddress>> = {
  4: { address: '192.5.5.241', port: 9 },
  6: { address: '2001:500:2f::f', port: 9 },
};

const FAMILIES = [4, 6] as const;

/** The route of an address family: `poorly` if it leaves from a local address to a global one. */
type Service = 'well' | 'poorly' | 'not';

/** The route of each family to the internet. */
type ServicesAnywhere = Readonly<Record<AddressFamily, Service>>;

/** Looks up the routes to the internet. */
export async function servicesAnywhere(): Promise<ServicesAnywhere> {
  const [ipv4, ipv6] = await Promise.all([
    serviceOf(4, [ANYWHERE[4]]),
    serviceOf(6, [ANYWHERE[6]]),
  ]);
  return { 4: ipv4, 6: ipv6 };
}

/**
 * Returns the address families in which this host has a route to relays, for the hint `families`
 * (PROTOCOL.md section 5). A route from a local address (fe80::/10, fc00::/7) is good toward local
 * addresses only; toward others it counts if no family has a better one.
 * @param relays - addresses of relays; a family without one is judged by `anywhere`
 * @param anywhere - the routes to the internet; looked up by default
 * @returns empty without any route, which means unknown
 */
export async function usableFamilies(
  relays: readonly TransportAddress[],
  anywhere?: ServicesAnywhere,
): Promise<AddressFamily[]> {
  const far = anywhere ?? (await servicesAnywhere());
  const services = await Promise.all(
    FAMILIES.map((family) => {
      const known = relays.filter((relay) => familyOf(relay) === family);
      return known.length > 0 ? serviceOf(family, known) : far[family];
    }),
  );
  const best = services.includes('well') ? 'well' : 'poorly';
  return FAMILIES.filter((_, index) => services[index] === best);
}

/**
 * Returns whether the usable families depend on the relays' addresses: the host has an address of a
 * family, but no good route to the internet in it.
 */
export function dependsOnRelays(anywhere: ServicesAnywhere): boolean {
  return FAMILIES.some((family) => anywhere[family] !== 'well' && hasAddress(family));
}

/** Returns whether the host has an address of a family that is not link-local. */
function hasAddress(family: AddressFamily): boolean {
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .some(
      ({ internal, address, family: name }) =>
        !internal && name === `IPv${family}` && !/^(fe80:|169\.254\.)/.test(address),
    );
}

async function serviceOf(
  family: AddressFamily,
  relays: readonly TransportAddress[],
): Promise<Service> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  try {
    await step(socket, (done) => socket.bind(0, done));
    let service: Service = 'not';
    for (const { address, port } of relays) {
      const isRouted = await step(socket, (done) => socket.connect(port, address, done)).then(
        () => true,
        () => false,
      );
      if (!isRouted) continue;
      const source = socket.address().address;
      socket.disconnect();
      if (isGlobal(source) || !isGlobal(address)) return 'well';
      service = 'poorly';
    }
    return service;
  } catch {
    // The host does not support the family.
    return 'not';
  } finally {
    socket.close();
  }
}

/**
 * Returns whether an address is reachable beyond the local network: IPv4, or RFC 4291's global
 * unicast 2000::/3.
 */
function isGlobal(address: string): boolean {
  return isIP(address) === 4 || /^[23]/.test(address);
}
