import type { NatBehaviour } from './topology.js';

/**
 * Returns the nftables ruleset of a NAT whose outer interface is `wan`.
 *
 * | behaviour          | mapping (RFC 4787 4.1)     | filtering (RFC 4787 5)     |
 * |--------------------|----------------------------|----------------------------|
 * | full-cone          | endpoint-independent       | endpoint-independent       |
 * | address-restricted | endpoint-independent       | address-dependent          |
 * | port-restricted    | endpoint-independent       | address and port-dependent |
 * | symmetric          | address and port-dependent | address and port-dependent |
 *
 * IPv6 is routed, not translated, through a stateful firewall (RFC 6092 section 3.2.3, address and
 * port-dependent filtering), whatever the IPv4 behaviour.
 * @param behaviour - of the IPv4 NAT
 * @returns text for `nft -f`
 */
export function natRules(behaviour: NatBehaviour): string {
  return `${translation(behaviour)}\n${FIREWALL}`;
}

/**
 * Drops unsolicited packets before conntrack confirms them: a confirmed entry would occupy the
 * port, and the host's own next packet to that sender would get another mapping. Neighbour
 * discovery is untracked and must pass.
 */
const FIREWALL = `
table inet firewall {
  chain input {
    type filter hook input priority filter
    ct state { established, related, untracked } accept
    iifname "wan" counter drop
  }
  chain forward {
    type filter hook forward priority filter
    ct state { established, related } accept
    iifname "wan" ct status dnat accept
    iifname "wan" counter drop
  }
}
`;

function translation(behaviour: NatBehaviour): string {
  switch (behaviour) {
    case 'port-restricted':
      return sourceNat('masquerade');
    case 'symmetric':
      return sourceNat('masquerade random,fully-random');
    case 'full-cone':
      return sourceNat('masquerade persistent') + inwards('');
    case 'address-restricted':
      return sourceNat('masquerade persistent') + inwards('ip saddr . udp dport @contacted');
  }
}

function sourceNat(statement: string): string {
  return `
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat
    oifname "wan" ${statement}
  }
}
`;
}

/**
 * Returns the inbound rules of the two cones. Outgoing packets, after their translation, add to the
 * map the inner socket of a port, and to the set its destinations. First packets of other senders
 * are translated to that socket if `condition` holds.
 */
function inwards(condition: string): string {
  return `
table ip nat {
  map mapped {
    type inet_service : ipv4_addr . inet_service
    flags dynamic,timeout
    timeout 5m
    size 65535
  }
  set contacted {
    type ipv4_addr . inet_service
    flags dynamic,timeout
    timeout 5m
    size 65535
  }
  chain learn {
    type filter hook postrouting priority srcnat + 10
    oifname "wan" update @mapped { udp sport : ct original ip saddr . ct original proto-src }
    oifname "wan" update @contacted { ip daddr . udp sport }
  }
  chain prerouting {
    type nat hook prerouting priority dstnat
    iifname "wan" ${condition} dnat ip addr . port to udp dport map @mapped
  }
}
`;
}
