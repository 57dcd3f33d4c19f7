/** Who an authenticated request comes from, and by which credential that was proved. */
export interface Principal<Claims> {
  /** The kind of credential. `tenant`: its password follows from the secret of a tenant. */
  readonly credential: 'tenant';
  readonly username: string;
  readonly tenant: string;
  /** When the credential expires, Unix seconds. What still works then is for the usage to say. */
  readonly expiresAtSeconds: number;
  /** What else the credential names, as the usage reads it. */
  readonly claims: Claims;
}
