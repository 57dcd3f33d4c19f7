import type { TurnPrincipal } from '../auth/turn-principal.js';
import type { DataPlaneEvent } from '../native/events.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import type { AuthenticatedRequest } from '../stun-server/authenticated-request.js';
import { Authenticator } from '../stun-server/authenticator.js';
import { knownAttributes, type MethodTable } from '../stun-server/method-table.js';
import type { Received, SignsOfLife, Usage } from '../stun-server/usage.js';
import type { TurnOptions } from './turn-options.js';
import { TurnStats } from './turn-stats.js';

/** The methods of TURN (RFC 8656 section 17). */
const METHODS: ReadonlySet<number> = new Set([
  Method.Allocate,
  Method.Refresh,
  Method.Send,
  Method.Data,
  Method.CreatePermission,
  Method.ChannelBind,
]);

/**
 * The TURN usage over UDP (RFC 8656). Its inputs are clients' requests, events of the data plane
 * and time; its outputs go to `TurnPlane`. It has no socket and no timer. Payloads, and with them
 * Send and Data indications, stay in the data plane.
 */
export class Turn implements Usage, SignsOfLife {
  readonly knownAttributes: ReadonlySet<number>;
  readonly stats = new TurnStats();
  readonly #authenticator: Authenticator<TurnPrincipal>;
  readonly #methods: MethodTable<AuthenticatedRequest<TurnPrincipal>>;

  constructor(options: TurnOptions) {
    this.#authenticator = new Authenticator(options.server, options);
    this.#methods = new Map([
      [
        Method.Refresh,
        {
          attributes: [AttributeType.Lifetime, AttributeType.RequestedAddressFamily],
          handle: () => {},
        },
      ],
    ]);
    this.knownAttributes = knownAttributes(this.#methods);
  }

  /** Number of allocations. */
  get allocations(): number {
    return 0;
  }

  /** Owns the methods of TURN. */
  owns(message: StunMessage): boolean {
    return METHODS.has(message.method);
  }

  /** Handles a client's request. Never throws for anything in it. */
  receive(received: Received): void {
    if (received.message.messageClass !== 'request') return;
    const request = this.#authenticator.authenticate(received);
    if (request === undefined) return;
    this.#authenticator.accept(request);
    this.#methods.get(request.method)?.handle(request);
  }

  /** Ignores signs of life: an allocation lives by its lifetime alone (RFC 8656 section 8). */
  heard(): void {}

  /**
   * Handles an event of the data plane: tells the client an ICMP error (RFC 8656 section 11.5), and
   * ends the allocation of a relayed endpoint that has failed. Ignores other events.
   */
  event(_event: DataPlaneEvent): void {}

  /**
   * Ends what has expired, within bounds. To be called every 100 ms or so.
   * @returns whether work is left; call again after other work has had its turn
   */
  tick(): boolean {
    return false;
  }

  /**
   * Ends all allocations, because the server is about to stop.
   * @yields the number of remaining allocations
   */
  *closeAll(): Generator<number> {
    yield this.allocations;
  }
}
