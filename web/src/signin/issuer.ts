/**
 * What is said to the OpenID Connect issuer: the code flow with PKCE, renewal, revocation.
 *
 * oauth4webapi checks each answer: state, issuer, nonce, the ID token's claims. The ID token comes from the token
 * endpoint itself over TLS, so its signature is not checked again (OpenID Connect Core 3.1.3.7, rule 6), and its times
 * are judged by the clock of the issuer that has just made it: a person's own clock may be hours wrong.
 *
 * https://openid.net/specs/openid-connect-core-1_0.html · https://www.rfc-editor.org/rfc/rfc7636 (PKCE)
 */
import * as oauth from "oauth4webapi";
import { type Oidc, SignInProblem } from "./config";

/** Milliseconds for one answer of the issuer; they come in less than one second. */
const PATIENCE = 10_000;

/** Characters of a name, or of an issuer's reason, that are shown. */
const SHOWN = 200;

/** What one sign-in must come back with. It waits in this tab while the person is at the issuer. */
export type Begun = { state: string; nonce: string; verifier: string; back: string };

/** `token` is the one that the API is sent; `lifetime` in seconds, if the issuer tells it. */
export type Tokens = { token: string; refresh?: string; lifetime?: number; sub?: string; name?: string };

/** The session is over at the issuer: only signing in again helps. */
export class Over extends Error {}

/** The issuer does not answer, or has a fault: later it may. */
export class IssuerDown extends SignInProblem {}

export class Issuer {
  readonly #oidc: Oidc;
  readonly #client: oauth.Client;
  #server: oauth.AuthorizationServer | undefined;

  constructor(oidc: Oidc) {
    this.#oidc = oidc;
    this.#client = { client_id: oidc.clientId };
  }

  /** Where a person signs in, and what must come back from there. */
  async signIn(back: string): Promise<{ address: URL; begun: Begun }> {
    const server = await this.#discovered();
    const begun = {
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
      verifier: oauth.generateRandomCodeVerifier(),
      back,
    };
    const address = this.#endpoint(server, "authorization_endpoint");
    const { clientId, scope = "openid", audience } = this.#oidc;
    const asked = {
      client_id: clientId,
      redirect_uri: here(),
      response_type: "code",
      scope,
      state: begun.state,
      nonce: begun.nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(begun.verifier),
      code_challenge_method: "S256",
      ...(audience && { audience }),
    };
    for (const [name, value] of Object.entries(asked)) address.searchParams.set(name, value);
    return { address, begun };
  }

  /** The tokens for what the issuer sent back in the page's address. */
  async redeem(returned: URLSearchParams, begun: Begun): Promise<Tokens> {
    const server = await this.#discovered();
    try {
      const code = oauth.validateAuthResponse(server, this.#client, returned, begun.state);
      const response = await oauth.authorizationCodeGrantRequest(
        server, this.#client, oauth.None(), code, here(), begun.verifier, this.#options(),
      );
      const client = await this.#atIssuersTime(response);
      const rules = { expectedNonce: begun.nonce, requireIdToken: true };
      return this.#tokens(await oauth.processAuthorizationCodeResponse(server, client, response, rules));
    } catch (error) {
      throw this.#told(error);
    }
  }

  /** :throws Over: :throws IssuerDown: */
  async renew(refresh: string, sub: string): Promise<Tokens> {
    const server = await this.#discovered();
    try {
      const response = await oauth.refreshTokenGrantRequest(server, this.#client, oauth.None(), refresh, this.#options());
      const client = await this.#atIssuersTime(response);
      const tokens = this.#tokens(await oauth.processRefreshTokenResponse(server, client, response));
      if (tokens.sub !== undefined && tokens.sub !== sub) throw new Over();
      return { refresh, ...tokens };
    } catch (error) {
      const told = this.#told(error);
      throw told instanceof IssuerDown ? told : new Over();
    }
  }

  /** The refresh token is worth nothing from now on, if the issuer has an endpoint for that. */
  async revoke(refresh: string): Promise<void> {
    const server = await this.#discovered();
    if (!server.revocation_endpoint) return;
    await oauth.revocationRequest(server, this.#client, oauth.None(), refresh, this.#options());
  }

  /** Where the issuer ends its own session; null if it has no such place. No token goes into an address. */
  async signOut(): Promise<string | null> {
    if (this.#oidc.logoutUrl) return this.#oidc.logoutUrl;
    const server = await this.#discovered();
    if (!server.end_session_endpoint) return null;
    const address = this.#endpoint(server, "end_session_endpoint");
    address.searchParams.set("client_id", this.#oidc.clientId);
    address.searchParams.set("post_logout_redirect_uri", here());
    return address.href;
  }

  async #discovered(): Promise<oauth.AuthorizationServer> {
    if (this.#server) return this.#server;
    const authority = new URL(this.#oidc.authority);
    try {
      const response = await oauth.discoveryRequest(authority, this.#options());
      if (response.status === 404) {
        throw new SignInProblem("This site's config.json cannot be used", `${authority.href} is no OpenID Connect issuer: it has no discovery document.`);
      }
      return (this.#server = await oauth.processDiscoveryResponse(authority, response));
    } catch (error) {
      throw this.#told(error);
    }
  }

  #endpoint(server: oauth.AuthorizationServer, name: "authorization_endpoint" | "end_session_endpoint"): URL {
    const address = server[name];
    if (!address) throw this.#misfit(`its discovery document has no ${name}`);
    const url = new URL(address);
    if (url.protocol !== "https:" && !this.#isLocal) throw this.#misfit(`its ${name} is no https address`);
    return url;
  }

  get #isLocal(): boolean {
    return this.#oidc.authority.startsWith("http:"); // `checked` let this machine alone do that
  }

  #options() {
    return { [oauth.allowInsecureRequests]: this.#isLocal, signal: () => AbortSignal.timeout(PATIENCE) };
  }

  async #atIssuersTime(response: Response): Promise<oauth.Client> {
    const made = claimsOf((await response.clone().json().catch(() => ({})))?.id_token).iat;
    const skew = typeof made === "number" ? Math.round(made - Date.now() / 1000) : 0;
    return { ...this.#client, [oauth.clockSkew]: skew };
  }

  #tokens(answer: oauth.TokenEndpointResponse): Tokens {
    const claims = oauth.getValidatedIdTokenClaims(answer);
    const asId = this.#oidc.token === "id";
    const token = asId ? answer.id_token : answer.access_token;
    if (!token) throw new Over();
    const lifetime = asId && claims ? claims.exp - claims.iat : answer.expires_in;
    return {
      token,
      ...(answer.refresh_token && { refresh: answer.refresh_token }),
      ...(lifetime && { lifetime }),
      ...(claims && { sub: claims.sub, name: nameOf(claims) }),
    };
  }

  #told(error: unknown): Error {
    if (error instanceof SignInProblem || error instanceof Over) return error;
    if (error instanceof oauth.AuthorizationResponseError) {
      return new SignInProblem("You are not signed in", `The sign-in service says: ${(error.error_description ?? error.error).slice(0, SHOWN)}`);
    }
    if (error instanceof oauth.ResponseBodyError && error.status < 500 && error.status !== 429) {
      return new SignInProblem("You are not signed in", `The sign-in service refused: ${(error.error_description ?? error.error).slice(0, SHOWN)}`);
    }
    if (isDown(error)) {
      return new IssuerDown("The sign-in service does not answer", `${new URL(this.#oidc.authority).host} cannot be reached. Check your connection, then try again.`);
    }
    return this.#misfit(error instanceof Error ? error.message : "it cannot be read");
  }

  #misfit(why: string): SignInProblem {
    return new SignInProblem("The sign-in was refused by this page", `The answer of the sign-in service does not fit: ${why}. Try again.`);
  }
}

function isDown(error: unknown): boolean {
  if (error instanceof oauth.ResponseBodyError) return true; // the refusals are told before
  const { cause } = error as { cause?: unknown };
  if (cause instanceof Response) return cause.status >= 500 || cause.status === 429;
  return !(error instanceof oauth.OperationProcessingError) && (error instanceof TypeError || error instanceof DOMException);
}

/** The page's address as the issuer knows it: the folder of its files, without query. */
export const here = (): string => new URL(".", document.baseURI).href;

/** A JWT's claims, not checked. */
function claimsOf(token: unknown): Record<string, unknown> {
  try {
    const bytes = Uint8Array.from(atob(`${token}`.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return {};
  }
}

/** How the person is named on the page. */
function nameOf(claims: oauth.IDToken): string {
  const found = [claims.name, claims.email, claims.preferred_username, claims["cognito:username"]];
  return `${found.find((one) => typeof one === "string" && one) ?? "Signed in"}`.slice(0, SHOWN);
}
