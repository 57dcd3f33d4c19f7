import type { LabHost, LabNat } from './topology.js';

/** The namespace of the internet, which only routes between the uplinks. */
export const INTERNET = 'internet';

/** Gateway addresses: the same on every link, because the links are routed, not bridged. */
const GATEWAY_V4 = { internet: '192.0.2.1', lan: '192.168.1.1' } as const;
const GATEWAY_V6 = 'fe80::1';

/**
 * Returns the `ip -batch` line that creates the link between a node and its parent.
 * @param node - a node whose namespace exists
 * @param parent - the parent's namespace
 */
export function linkLine(node: LabHost | LabNat, parent: string): string {
  return (
    `link add name ${node.uplink} netns ${node.namespace} type veth ` +
    `peer name ${node.downlink} netns ${parent}`
  );
}

/**
 * Returns the `ip -batch` lines for a node's own namespace: its address, and a default route over
 * the uplink.
 * @param node - a node whose link exists
 */
export function nodeLines(node: LabHost | LabNat): string[] {
  const behind = node.kind === 'host' ? node.behind : undefined;
  const gateway = behind === undefined ? GATEWAY_V4.internet : GATEWAY_V4.lan;
  const { uplink } = node;
  const lines = ['link set lo up', ...upLines(uplink)];
  if (node.addresses[4] !== undefined) {
    lines.push(`addr replace ${node.addresses[4]}/32 dev ${uplink}`);
    lines.push(`route replace default via ${gateway} dev ${uplink} onlink`);
  }
  if (node.addresses[6] !== undefined) {
    lines.push(`addr replace ${node.addresses[6]}/128 dev ${uplink} nodad`);
    lines.push(`addr replace fe80::2/64 dev ${uplink} nodad`);
    lines.push(`route replace default via ${GATEWAY_V6} dev ${uplink}`);
  }
  return lines;
}

/**
 * Returns the `ip -batch` lines for the parent of a node: its end of the link, and routes to the
 * node and to the network behind it.
 * @param node - a node whose link exists
 */
export function parentLines(node: LabHost | LabNat): string[] {
  const { downlink } = node;
  const behind = node.kind === 'host' ? node.behind : undefined;
  const gateway = behind === undefined ? GATEWAY_V4.internet : GATEWAY_V4.lan;
  const lines = upLines(downlink);
  if (node.addresses[4] !== undefined) {
    lines.push(`addr replace ${gateway}/32 dev ${downlink}`);
    lines.push(`route replace ${node.addresses[4]}/32 dev ${downlink}`);
  }
  if (node.addresses[6] !== undefined) {
    lines.push(`addr replace ${GATEWAY_V6}/64 dev ${downlink} nodad`);
    lines.push(`route replace ${node.addresses[6]}/128 dev ${downlink}`);
    if (node.kind === 'nat') {
      lines.push(`route replace ${node.lanPrefix}/64 via ${node.addresses[6]} dev ${downlink}`);
    }
  }
  return lines;
}

/**
 * Returns the lines that bring a device up. `addrgenmode none` keeps the kernel from creating
 * link-local addresses, whose duplicate address detection (RFC 4862 section 5.4) would take
 * seconds.
 */
export function upLines(device: string): string[] {
  return [`link set dev ${device} addrgenmode none`, `link set dev ${device} up`];
}

/** Kernel settings of a namespace: files below /proc/sys/net, by value. */
export interface NamespaceSettings {
  readonly [value: string]: readonly string[];
}

/**
 * Returns the settings of a new namespace, which would otherwise inherit some of the host's.
 * @param forwards - whether the namespace routes
 * @param ephemeralPorts - first and last ephemeral port; undefined for the kernel's default
 */
export function namespaceSettings(
  forwards: boolean,
  ephemeralPorts?: readonly [number, number],
): NamespaceSettings {
  const forwarding = ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'];
  return {
    '0': [
      'ipv4/conf/all/rp_filter',
      'ipv4/conf/default/rp_filter',
      'ipv6/conf/all/disable_ipv6',
      'ipv6/conf/default/disable_ipv6',
      'ipv6/conf/default/accept_ra',
    ],
    ...(forwards ? { '1': forwarding } : {}),
    ...(ephemeralPorts ? { [ephemeralPorts.join(' ')]: ['ipv4/ip_local_port_range'] } : {}),
  };
}
