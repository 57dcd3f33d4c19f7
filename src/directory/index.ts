export { Directory, type DirectoryOptions } from './directory.js';
export type { ApiKey } from './http/api-keys.js';
export type { TlsFiles } from './http/server.js';
