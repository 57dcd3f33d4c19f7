import type { TransportAddress } from '../address.js';
import type { Permission } from './allocation.js';
import type { AllocationEnds } from './allocation-ends.js';
import type { TurnContext } from './context.js';
import { secondsLeft } from './forwarding.js';
import { isAllowed, isInRange, peerPorts } from './peer-checks.js';
import type { PortRange } from './turn-options.js';

/**
 * Applies a changed peer policy to the permissions and channels that clients have: those of peers
 * that are refused now end, and a permission holds for the ports that its IP address may have now.
 */
export class PolicyChange {
  readonly #context: TurnContext;
  readonly #ends: AllocationEnds;
  /** Permissions whose ports have changed, while the data plane is too busy to take them. */
  readonly #waiting = new Set<Permission>();

  constructor(context: TurnContext, ends: AllocationEnds) {
    this.#context = context;
    this.#ends = ends;
  }

  /** Judges all permissions and channels by the policy of the context. */
  apply(): void {
    this.#waiting.clear();
    for (const { permissions, channels } of this.#context.table.all()) {
      for (const permission of permissions.values()) {
        if (isAllowed(this.#context, permission.address)) this.#setPorts(permission);
        else this.#ends.endPermission(permission);
      }
      for (const channel of channels.values()) {
        if (channel.state === 'bound' && !this.#allows(channel.peer))
          this.#ends.endChannel(channel);
      }
    }
  }

  /** Tries again what the data plane was too busy for. */
  tick(): void {
    for (const permission of [...this.#waiting]) {
      const { permissions } = permission.relayed.allocation;
      const isThere = permissions.get(permission.address) === permission;
      if (isThere) this.#setPorts(permission);
      else this.#waiting.delete(permission);
    }
  }

  #allows({ address, port }: TransportAddress): boolean {
    const ports = peerPorts(this.#context, address);
    return isAllowed(this.#context, address) && (ports === undefined || isInRange(port, ports));
  }

  /** Puts a permission again if its ports are others now. Its time goes on. */
  #setPorts(permission: Permission): void {
    const { forwarding, clock } = this.#context;
    this.#waiting.delete(permission);
    if (isSame(permission.ports, peerPorts(this.#context, permission.address))) return;
    const result = forwarding.putPermission(permission, secondsLeft(permission, clock.monotonic()));
    if (result === 'busy') this.#waiting.add(permission);
    else if (result !== 'done') this.#ends.endPermission(permission);
  }
}

function isSame(a: PortRange | undefined, b: PortRange | undefined): boolean {
  return a?.min === b?.min && a?.max === b?.max;
}
