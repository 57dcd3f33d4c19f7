import { USERS_FILE_BYTES_MAX } from '../../auth/static-users.js';
import { readSmallFile, SMALL_FILE_BYTES_MAX } from '../../files/small-file.js';
import { hostIps } from '../../http/forwarding-health.js';
import { addressByDefaultRoute, hasIpv6 } from '../../turn-server/local-addresses.js';
import type { OtherFileContext, OtherOptions } from '../config/other-file.js';
import { parseCoturnFile } from './coturn-file.js';
import { coturnOptions } from './coturn-options.js';

/** Maximum length of a `turnserver.conf`: it may have a line `user=` for every user. */
export const COTURN_CONFIG_BYTES_MAX = SMALL_FILE_BYTES_MAX + USERS_FILE_BYTES_MAX;

/**
 * Reads a `turnserver.conf` for `turnpike turn`.
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG if it cannot be read
 */
export async function readCoturnConfig(
  path: string,
  { again, isGiven }: OtherFileContext,
): Promise<OtherOptions> {
  const text = await readSmallFile({
    ...{ path, source: '--coturn-config', code: 'ERR_TURNPIKE_CONFIG' },
    ...{ mayBeEmpty: true, again, bytesMax: COTURN_CONFIG_BYTES_MAX },
  });
  const [ipv6, route4, route6] = await Promise.all([
    hasIpv6(),
    addressByDefaultRoute(4),
    addressByDefaultRoute(6),
  ]);
  const host = { hasIpv6: ipv6, byDefaultRoute: { 4: route4, 6: route6 }, ips: hostIps() };
  return coturnOptions({ file: path, entries: parseCoturnFile(path, text), host, isGiven });
}
