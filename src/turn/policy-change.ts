import type { TransportAddress } from '../address.js';
import type { Allocation, Permission } from './allocation.js';
import type { AllocationEnds } from './allocation-ends.js';
import type { TurnContext } from './context.js';
import { secondsLeft } from './forwarding.js';
import { isAllowed, isInRange, peerPorts } from './peer-checks.js';
import { TURN_LIMITS } from './turn-limits.js';
import type { PortRange } from './turn-options.js';

/**
 * Applies a changed peer policy to the permissions and channels that clients have: those of peers
 * that are refused now end, and a permission holds for the ports that its IP address may have now.
 * It judges `TURN_LIMITS.judgedAtOnce` of them in one go, so that requests are answered meanwhile.
 */
export class PolicyChange {
  readonly #context: TurnContext;
  readonly #ends: AllocationEnds;
  /** Permissions whose ports have changed, while the data plane is too busy to take them. */
  readonly #waiting = new Set<Permission>();
  /** Allocations that the newest change has not come to yet. */
  #left: Allocation[] = [];

  constructor(context: TurnContext, ends: AllocationEnds) {
    this.#context = context;
    this.#ends = ends;
  }

  /**
   * Begins to judge all permissions and channels by the policy of the context; `tick` continues.
   * A change before has no effect any more.
   */
  apply(): void {
    this.#waiting.clear();
    this.#left = this.#context.table.all();
    this.#judgeNext();
  }

  /**
   * Continues, and tries again what the data plane was too busy for.
   * @returns whether work is left that can be done at once
   */
  tick(): boolean {
    const more = this.#tryAgain();
    this.#judgeNext();
    return more || this.#left.length > 0;
  }

  #judgeNext(): void {
    for (let room: number = TURN_LIMITS.judgedAtOnce; room > 0; ) {
      // One that has ended since has neither permissions nor channels.
      const allocation = this.#left.pop();
      if (allocation === undefined) return;
      room -= 1 + allocation.permissions.size + allocation.channels.size;
      this.#judge(allocation);
    }
  }

  #judge({ permissions, channels }: Allocation): void {
    for (const permission of permissions.values()) {
      if (isAllowed(this.#context, permission.address)) this.#setPorts(permission);
      else this.#ends.endPermission(permission);
    }
    for (const channel of channels.values()) {
      if (channel.state === 'bound' && !this.#allows(channel.peer)) this.#ends.endChannel(channel);
    }
  }

  /** @returns whether some are left, and the data plane takes them */
  #tryAgain(): boolean {
    let tries = Math.min(this.#waiting.size, TURN_LIMITS.judgedAtOnce);
    const rest = this.#waiting.size - tries;
    for (const permission of this.#waiting) {
      if (tries === 0) break;
      tries -= 1;
      const { permissions } = permission.relayed.allocation;
      const isThere = permissions.get(permission.address) === permission;
      // If the data plane is still busy, the permission is the last one then.
      if (isThere) this.#setPorts(permission);
      else this.#waiting.delete(permission);
    }
    return rest > 0 && this.#waiting.size === rest;
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
