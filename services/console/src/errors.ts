/** The OpenID Connect issuer cannot be asked for its keys. */
export class IssuerUnavailableError extends Error {
  override readonly name = "IssuerUnavailableError";
  readonly code = "ISSUER_UNAVAILABLE";

  constructor(issuer: string, problem: string, options?: ErrorOptions) {
    super(`the OIDC issuer ${issuer} cannot be asked for its keys: ${problem}`, options);
  }
}

/** The body of a request, or of a declared document in it, is not what the API takes. */
export class InvalidBodyError extends Error {
  override readonly name = "InvalidBodyError";
  readonly code = "INVALID_BODY";
}
