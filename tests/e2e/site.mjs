// A page on a site of its own, as it is deployed: files, `config.json`, and an authorizer in front of the function, which
// turns away every request without a token that it takes. Nothing of c1fn's is in here.
import { createPublicKey, verify } from "node:crypto";
import { createServer, request as ask } from "node:http";

export class Site {
  config; // of config.json, as text; without it the file is missing
  invoked = 0; // requests that reached the function
  refused = 0;
  seen = []; // paths and queries that were asked for
  #ended = new Set(); // tokens that have expired
  #tokens = new Set();
  #sockets = new Set();
  #server = createServer((request, response) => this.#answer(request, response));

  /** @param files gives a file of the page by its name @param api where the function is, with a slash at the end */
  constructor(files, api, issuer) {
    Object.assign(this, { files, api, issuer });
  }

  async start() {
    await new Promise((ready) => this.#server.listen(0, "127.0.0.1", ready));
    this.url = `http://127.0.0.1:${this.#server.address().port}/`;
    return this;
  }

  async stop() {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  /** The tokens that were used until now have expired. */
  expire() {
    for (const token of this.#tokens) this.#ended.add(token);
  }

  /** Break off every answer that is under way. */
  cut() {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #answer(request, response) {
    this.seen.push(request.url);
    const path = request.url.split("?")[0];
    if (!path.startsWith("/api/")) return this.#file(path.slice(1) || "index.html", response);
    if (!(await this.#taken(request.headers.authorization))) {
      this.refused += 1;
      response.writeHead(401, { "content-type": "application/json", "x-amzn-errortype": "UnauthorizedException" });
      return response.end('{"message":"The incoming token has expired"}');
    }
    this.invoked += 1;
    this.#sockets.add(response.socket);
    const { method, headers } = request;
    const forward = ask(this.api + request.url.slice(1), { method, headers: { ...headers, host: new URL(this.api).host } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.on("error", () => response.destroy());
      answer.pipe(response);
    });
    forward.on("error", () => response.destroy());
    response.on("close", () => this.#sockets.delete(response.socket));
    request.pipe(forward);
  }

  /** https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html */
  async #taken(authorization = "") {
    const token = authorization.replace(/^Bearer /, "");
    const [head, body, signature] = token.split(".");
    if (!signature) return false;
    this.#tokens.add(token);
    this.keys ??= (await (await fetch(`${this.issuer.url}/jwks`)).json()).keys;
    const key = createPublicKey({ key: this.keys[0], format: "jwk" });
    const signed = verify("RSA-SHA256", Buffer.from(`${head}.${body}`), key, Buffer.from(signature, "base64url"));
    return signed && !this.#ended.has(token);
  }

  async #file(name, response) {
    const missing = { status: 403, headers: { "content-type": "application/xml" }, body: "<Error><Code>AccessDenied</Code></Error>" }; // as S3
    const json = { status: 200, headers: { "content-type": "application/json" }, body: this.config };
    const { status, headers, body } = name !== "config.json" ? await this.files(name) : this.config === undefined ? missing : json;
    response.writeHead(status, { ...headers, "referrer-policy": "no-referrer" });
    response.end(body);
  }
}
