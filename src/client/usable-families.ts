import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';
import type { AddressFamily } from '../address.js';

/**
 * Addresses that are far away from every host: f.root-servers.net's. Nothing is sent there, as
 * connecting a UDP socket only asks the routing table.
 */
const ANYWHERE: Readonly<Record<AddressFamily, string>> = {
  4: '192.5.5.241',
  6: '2001:500:2f::f',
};
const DISCARD_PORT = 9;

/** The address that packets to the internet would leave from; undefined where there is no route. */
function sourceOf(family: AddressFamily): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
    const end = (source: string | undefined) => {
      socket.close();
      resolve(source);
    };
    socket.once('error', () => end(undefined));
    socket.bind(0, () => {
      socket.connect(DISCARD_PORT, ANYWHERE[family], (error?: Error) => {
        end(error === undefined ? socket.address().address : undefined);
      });
    });
  });
}

/** Whether other hosts than the neighbours can answer it: RFC 4291's global unicast, 2000::/3. */
function isGlobal(address: string): boolean {
  return isIP(address) === 4 || /^[23]/.test(address);
}

/**
 * The address families that this host has a route to the internet in, as the hint `families` of
 * PROTOCOL.md section 5. An IPv6 address that is only local (fe80::/10, fc00::/7) counts where
 * there is no IPv4 either, since the relays may be just as local.
 * @returns empty where there is neither: then nothing is known
 */
export async function usableFamilies(): Promise<AddressFamily[]> {
  const [v4, v6] = await Promise.all([sourceOf(4), sourceOf(6)]);
  const families: AddressFamily[] = v4 === undefined ? [] : [4];
  if (v6 !== undefined && (isGlobal(v6) || v4 === undefined)) families.push(6);
  return families;
}

/** Whether a directory is on this very host, where routes to the internet mean nothing. */
export function isOnThisHost(url: string | URL): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
}
