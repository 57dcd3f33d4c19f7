import type { Logger } from 'pino';
import { addressOf } from './claim-table.js';
import type { ClaimNews } from './contests.js';

/** Maximum addresses named in a line; a relay may have 96. */
const NAMED_MAX = 8;

/** Logs contests: claimant, incumbents, checkers and outcome. */
export function logClaims(news: readonly ClaimNews[], logger: Logger): void {
  for (const each of news) {
    const { relay, contested } = each;
    const by = [...new Set(contested.map((claim) => claim.by))];
    const addresses = contested.slice(0, NAMED_MAX).map(({ claim }) => addressOf(claim));
    const what = `${addresses.join(', ')}${contested.length > NAMED_MAX ? ' and more' : ''}`;
    const fields = { relay, addresses, by };
    if (each.kind === 'decided') {
      const holders = each.result === 'proved' ? relay : by.join(', ');
      const event = { event: 'claim-decided', ...fields, result: each.result };
      const says = each.result === 'proved' ? 'answers there' : 'does not answer there';
      logger.warn(event, `${what} belongs to ${holders}: ${relay} ${says}`);
    } else if (each.kind === 'contested') {
      const event = { event: 'claim-contested', ...fields, checkers: each.checkers };
      logger.warn(event, `${relay} claims ${what} of ${by.join(', ')}: it is asked there`);
    } else {
      const event = { event: 'claim-contested', ...fields, checkers: [] };
      const text =
        `${relay} claims ${what} of ${by.join(', ')}, which stays: no relays of two regions are ` +
        'there to ask it';
      logger.warn(event, text);
    }
  }
}
