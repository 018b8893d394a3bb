/** Whether what config.json has as `oidc` can be used. */
import { type Oidc, SignInProblem } from "./config";

const NEEDED = ["authority", "clientId"];
const MAY_BE = ["scope", "audience", "logoutUrl", "token"];

/** An address whose answers nobody on the way can change: of another machine, https. */
const SECURE = /^(https:\/\/|http:\/\/(localhost|127\.0\.0\.1|\[::1\])([:/]|$))/;

/** :throws SignInProblem: it names the field that is wrong. */
export function checked(oidc: unknown): Oidc {
  const wrong = (why: string) => new SignInProblem("This site's config.json cannot be used", `${why} Whoever runs this site can mend it.`);
  if (typeof oidc !== "object" || oidc === null) throw wrong("oidc is no object.");
  const fields = oidc as Record<string, unknown>;
  for (const name of NEEDED) if (!fields[name]) throw wrong(`oidc.${name} is missing.`);
  for (const [name, value] of Object.entries(fields)) {
    if (![...NEEDED, ...MAY_BE].includes(name)) throw wrong(`oidc.${name} is not known.`);
    if (typeof value !== "string") throw wrong(`oidc.${name} is no text.`);
  }
  for (const name of ["authority", "logoutUrl"]) {
    const address = fields[name] as string | undefined;
    if (address !== undefined && !(SECURE.test(address) && URL.canParse(address))) throw wrong(`oidc.${name} is no https address.`);
  }
  if (!["access", "id", undefined].includes(fields.token as string)) throw wrong('oidc.token is neither "access" nor "id".');
  return fields as Oidc;
}
