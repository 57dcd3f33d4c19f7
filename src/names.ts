/** Tenant, relay and region names (PROTOCOL.md, terms). */
export const NAME_PATTERN = '[a-z0-9][a-z0-9.-]{0,62}';
