/** The authenticated sender of a request, and the credential that proved it. */
export interface Principal<Claims> {
  /** Kind of credential. `tenant`: the password derives from a tenant secret. */
  readonly credential: 'tenant';
  readonly username: string;
  readonly tenant: string;
  /** Expiry of the credential, Unix seconds. Each usage decides what is still allowed after it. */
  readonly expiresAtSeconds: number;
  /** Further content of the credential, in the usage's form. */
  readonly claims: Claims;
}
