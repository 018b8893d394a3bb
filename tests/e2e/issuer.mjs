// An OpenID Connect issuer on loopback: npm's oidc-provider, which is certified. People sign in by any name.
// Its tokens for the API are JWTs; it takes a refresh token once, and one that comes twice ends the whole session.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

export const API = "https://api.example.test";
export const CLIENT = "the-page";

/** Seconds of an access token: longer than any test. */
const LIFE = 600;
const DAY = 86_400;

export class Issuer {
  asked = []; // grant types that the token endpoint was asked for
  faults = {}; // by path: what is answered in the provider's place
  #grants = [];
  #server = createServer((request, response) => this.#answer(request, response));

  async start() {
    await this.up();
    return this;
  }

  async up() {
    await new Promise((ready) => this.#server.listen(this.port ?? 0, "127.0.0.1", ready));
    this.port = this.#server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
  }

  /** Nobody answers. */
  async down() {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  /** The pages that may send people here; they get back to their own address alone. */
  admit(pages) {
    this.pages = pages;
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const key = { ...privateKey.export({ format: "jwk" }), kid: "the-key", use: "sig", alg: "RS256" };
    this.provider = new Provider(this.url, this.#configuration(key));
    this.provider.on("server_error", (_, error) => console.error(error));
    this.handle = this.provider.callback();
  }

  #configuration(key) {
    const client = {
      client_id: CLIENT,
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      redirect_uris: this.pages,
      post_logout_redirect_uris: this.pages,
    };
    return {
      clients: [client],
      jwks: { keys: [key] },
      cookies: { keys: ["not-secret"] },
      claims: { openid: ["sub"], profile: ["name"] },
      conformIdTokenClaims: false,
      clientBasedCORS: () => true,
      pkce: { required: () => true },
      issueRefreshToken: () => true,
      expiresWithSession: () => false,
      findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: `${id} Example` }) }),
      loadExistingGrant: (ctx) => this.#granted(ctx.oidc),
      ttl: { AccessToken: LIFE, IdToken: LIFE, RefreshToken: DAY, Session: DAY, Grant: DAY, Interaction: LIFE },
      features: {
        revocation: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => API,
          useGrantedResource: () => true,
          getResourceServerInfo: () => ({ scope: "chat", audience: API, accessTokenFormat: "jwt", accessTokenTTL: LIFE }),
        },
      },
    };
  }

  /** Nobody is asked for consent. */
  async #granted({ provider, client, session }) {
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope("openid profile");
    grant.addResourceScope(API, "chat");
    await grant.save();
    this.#grants.push(grant);
    return grant;
  }

  /** No refresh token that was given until now is worth anything. */
  async forgetAll() {
    await Promise.all(this.#grants.splice(0).map((grant) => grant.destroy()));
  }

  renewals() {
    return this.asked.filter((grant) => grant === "refresh_token").length;
  }

  async #answer(request, response) {
    const path = request.url.split("?")[0];
    if (this.faults[path] && request.method !== "OPTIONS") {
      const { status, body } = this.faults[path];
      response.writeHead(status, { "content-type": "application/json", "access-control-allow-origin": "*" });
      return response.end(JSON.stringify(body));
    }
    if (path === "/token" && request.method === "POST") {
      let body = "";
      request.on("data", (piece) => (body += piece));
      request.on("end", () => this.asked.push(new URLSearchParams(body).get("grant_type")));
    }
    await this.handle(request, response);
  }
}
