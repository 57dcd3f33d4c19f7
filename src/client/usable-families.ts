import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type AddressFamily, familyOf, type TransportAddress } from '../address.js';
import { step } from './relay-socket.js';

/**
 * Addresses in the public internet (f.root-servers.net's), which stand for relays that are not
 * known. Nothing is sent there, as connecting a UDP socket only asks the routing table.
 */
const ANYWHERE: Readonly<Record<AddressFamily, TransportAddress>> = {
  4: { address: '192.5.5.241', port: 9 },
  6: { address: '2001:500:2f::f', port: 9 },
};

const FAMILIES = [4, 6] as const;

/** How a family serves; `poorly`: from an address that is only local to one that is not. */
type Service = 'well' | 'poorly' | 'not';

/** How each family serves toward the internet. */
type ServicesAnywhere = Readonly<Record<AddressFamily, Service>>;

/** Asks the routing table for the ways to the internet. */
export async function servicesAnywhere(): Promise<ServicesAnywhere> {
  const [ipv4, ipv6] = await Promise.all([
    serviceOf(4, [ANYWHERE[4]]),
    serviceOf(6, [ANYWHERE[6]]),
  ]);
  return { 4: ipv4, 6: ipv6 };
}

/**
 * The address families that this host has a route to relays in, as the hint `families` of
 * PROTOCOL.md section 5. A route that leaves from an address which is only local (fe80::/10,
 * fc00::/7) counts toward addresses that are just as local; toward others only where no family has
 * a better one.
 * @param relays - where the relays are; a family in which none is given is judged by the route to
 * @param anywhere - how the families serve toward the internet; looked at now by default
 * @returns empty where there is no route at all: then nothing is known
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
 * Whether it takes the relays' addresses to say which families are usable: there is an address of a
 * family, but no good route to the internet in it.
 */
export function dependsOnRelays(anywhere: ServicesAnywhere): boolean {
  return FAMILIES.some((family) => anywhere[family] !== 'well' && hasAddress(family));
}

/** Whether the host has an address that reaches further than its link. */
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
    // The host does not have the family at all.
    return 'not';
  } finally {
    socket.close();
  }
}

/** Whether other hosts than the neighbours can answer it: RFC 4291's global unicast, 2000::/3. */
function isGlobal(address: string): boolean {
  return isIP(address) === 4 || /^[23]/.test(address);
}
