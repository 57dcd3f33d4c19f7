import type { TransportAddress } from '../address.js';
import { wholeMs } from '../clock.js';
import { Permission, type RelayedTransportAddress } from './allocation.js';
import type { TurnContext } from './context.js';
import { refusalOf, secondsLeft } from './forwarding.js';
import type { RefusalReason } from './refusals.js';
import { TURN_LIMITS } from './turn-limits.js';

/** A peer whose IP address may have a permission, with the relayed transport address for it. */
export interface PermittedPeer {
  readonly relayed: RelayedTransportAddress;
  readonly peer: TransportAddress;
}

/** Installs and prolongs permissions (RFC 8656 section 9). */
export class Permissions {
  readonly #context: TurnContext;

  constructor(context: TurnContext) {
    this.#context = context;
  }

  /**
   * Installs or prolongs the permissions of peers of one allocation: all or none.
   * @param andThen - what else has to succeed; returns why it fails, and then leaves nothing
   * @returns why none is installed or prolonged; undefined if all are
   */
  install(
    peers: readonly PermittedPeer[],
    andThen: () => RefusalReason | undefined = () => undefined,
  ): RefusalReason | undefined {
    const { table, clock, limits } = this.#context;
    const wanted = wantedOf(peers);
    const fresh = wanted.filter((each) => !isInstalled(each));
    const installed = peers[0]?.relayed.allocation.permissions.size ?? 0;
    if (installed + fresh.length > limits.permissionsMax) return 'permissions-used-up';
    const { permissionSeconds } = TURN_LIMITS;
    const expiresAt = wholeMs(clock) + permissionSeconds * 1_000;
    for (const [index, each] of wanted.entries()) {
      const result = this.#context.forwarding.putPermission(each, permissionSeconds);
      if (result !== 'done') {
        this.#revert(wanted.slice(0, index));
        return refusalOf(result);
      }
    }
    const refusal = andThen();
    if (refusal !== undefined) {
      this.#revert(wanted);
      return refusal;
    }
    for (const each of wanted) {
      each.relayed.allocation.permissions.set(each.address, each);
      each.expiresAt = expiresAt;
      table.schedule(each, expiresAt);
    }
    for (const { relayed, peer } of peers) {
      const permission = relayed.allocation.permissions.get(peer.address);
      if (permission !== undefined && peer.port !== 0) permission.port = peer.port;
    }
    return undefined;
  }

  /**
   * Removes the entries of permissions that are not installed, and gives the others the lifetimes
   * of their permissions. An entry that the data plane is too busy to take back is removed when its
   * permission ends, like any other.
   */
  #revert(put: readonly Permission[]): void {
    const { forwarding, clock } = this.#context;
    for (const each of put) {
      if (!isInstalled(each)) forwarding.removePermission(each);
      else forwarding.putPermission(each, secondsLeft(each, clock.monotonic()));
    }
  }
}

/** Returns the permission of each IP address once: the installed one, or a new one. */
function wantedOf(peers: readonly PermittedPeer[]): Permission[] {
  const wanted = new Map<string, Permission>();
  for (const { relayed, peer } of peers) {
    const { address } = peer;
    const known = relayed.allocation.permissions.get(address);
    wanted.set(address, known ?? new Permission(relayed, address));
  }
  return [...wanted.values()];
}

function isInstalled(permission: Permission): boolean {
  const { permissions } = permission.relayed.allocation;
  return permissions.get(permission.address) === permission;
}
