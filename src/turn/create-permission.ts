import { AttributeType } from '../stun/attribute-types.js';
import type { TurnContext } from './context.js';
import { checkedPeer } from './peer-checks.js';
import type { Permissions, PermittedPeer } from './permissions.js';
import type { RefusalReason } from './refusals.js';
import { replyTarget } from './responses.js';
import type { AllocationRequest } from './turn-request.js';

/** Handles CreatePermission (RFC 8656 section 10.2). Its peers are permitted all, or none. */
export class CreatePermission {
  readonly #context: TurnContext;
  readonly #permissions: Permissions;

  constructor(context: TurnContext, permissions: Permissions) {
    this.#context = context;
    this.#permissions = permissions;
  }

  /** Handles a request. */
  handle(asked: AllocationRequest): void {
    const { responses, stats } = this.#context;
    const to = replyTarget(asked.request);
    const peers = this.#peersOf(asked);
    if (typeof peers === 'string') return void responses.refused(to, peers);
    const refusal = this.#permissions.install(peers);
    if (refusal !== undefined) return void responses.refused(to, refusal);
    stats.requests.permissions_created += 1;
    responses.succeeded(to);
    // The port does not count for a permission. It is that of the peer that the client means.
    for (const { relayed, peer } of peers) this.#context.trunk?.want(relayed, peer);
  }

  /** Returns the peers if all may be permitted. A wrong family counts before a denied address. */
  #peersOf({ request, allocation }: AllocationRequest): PermittedPeer[] | RefusalReason {
    const peers = request.message.addresses(AttributeType.XorPeerAddress) ?? [];
    if (peers.length === 0) return 'attribute-missing';
    const permitted: PermittedPeer[] = [];
    let refusal: RefusalReason | undefined;
    for (const peer of peers) {
      const checked = checkedPeer(this.#context, allocation, peer);
      if (checked === 'family-mismatch') return checked;
      if (typeof checked === 'string') refusal ??= checked;
      else permitted.push({ relayed: checked, peer });
    }
    return refusal ?? permitted;
  }
}
