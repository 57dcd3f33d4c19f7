export { Directory } from './directory.js';
export type { ApiKey } from './http/api-keys.js';
export type { CertificateAndKey } from './http/server.js';
export type { DirectoryOptions, DirectoryUpdate } from './options.js';
export type { ProviderPrice, SelectionSettings, TenantRelays } from './selection-settings.js';
