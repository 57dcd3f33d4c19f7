import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressFamily, canonicalIp, isLinkLocal } from '../address.js';

/**
 * A destination of each family that only a default route leads to (RFC 5737, RFC 3849). Nothing is
 * sent there.
 */
const FAR = { 4: '203.0.113.1', 6: '2001:db8::1' } as const;

/**
 * Returns the address that this host sends from to the Internet: the source that the kernel chooses
 * by the default route.
 * @returns canonical text; undefined without a route, or with a link-local source
 */
export async function addressByDefaultRoute(family: AddressFamily): Promise<string | undefined> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6');
  try {
    socket.connect(9, FAR[family]);
    await once(socket, 'connect');
    const ip = canonicalIp(socket.address().address.replace(/%.*$/, ''));
    return isLinkLocal(ip) ? undefined : ip;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

/** Returns whether sockets of IPv6 can be bound on this host. */
export async function hasIpv6(): Promise<boolean> {
  const socket = createSocket({ type: 'udp6', ipv6Only: true });
  try {
    socket.bind(0, '::');
    await once(socket, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    socket.close();
  }
}
