import { AttributeType } from '../stun/attribute-types.js';
import { BindingUsage } from '../stun-server/binding-usage.js';
import type { ServerContext } from '../stun-server/server-context.js';
import { StunServer } from '../stun-server/stun-server.js';
import type { SignsOfLife, Usage } from '../stun-server/usage.js';
import { CLAIM_CHALLENGE_ATTRIBUTES, isClaimChallenge } from '../trunk/claim-challenge.js';
import type { ClaimResponder } from './claim-responder.js';

/** The usages of a relay's client port. */
export interface ClientUsages {
  readonly overlay: Usage & SignsOfLife;
  /** Undefined where standard TURN is not served. */
  readonly turn: Usage | undefined;
  readonly claims: Pick<ClaimResponder, 'receive'>;
}

/**
 * Makes the server of a relay's client port. Of its usages the first that owns a message gets it:
 * other relays' challenges; Binding, which is common; standard TURN, where it is served; and the
 * overlay, which owns all that is left.
 */
export function clientServer(
  context: ServerContext,
  { overlay, turn, claims }: ClientUsages,
): StunServer {
  const known = [...overlay.knownAttributes, ...(turn?.knownAttributes ?? [])];
  const binding = new BindingUsage(context, {
    knownAttributes: new Set(known),
    // Allocations live by their lifetime alone, so only legs count signs of life.
    heard: (tupleKey) => overlay.heard(tupleKey),
  });
  const standard = turn === undefined ? [] : [standardTurn(turn)];
  return new StunServer(context, binding, [claimUsage(claims), binding, ...standard, overlay]);
}

/**
 * Standard TURN beside the overlay, which has methods of the same numbers: it owns the requests
 * without CONNECTION-IDENTIFIER (PROTOCOL.md section 2). A request of either kind says by itself
 * what it is, before anything is known of its sender, so a first one is challenged by its own
 * usage. Indications are none of its business: the data plane handles those that it has.
 */
function standardTurn(turn: Usage): Usage {
  return {
    knownAttributes: turn.knownAttributes,
    owns: (message) =>
      message.messageClass === 'request' &&
      !message.has(AttributeType.ConnectionIdentifier) &&
      turn.owns(message),
    receive: (received) => turn.receive(received),
  };
}

/** Takes other relays' challenges on the client port. */
function claimUsage(responder: ClientUsages['claims']): Usage {
  return {
    knownAttributes: CLAIM_CHALLENGE_ATTRIBUTES,
    owns: isClaimChallenge,
    receive: ({ message, origin }) => responder.receive('client', message, origin.tuple),
  };
}
