/** Signing in, for pages that have it: its code is loaded by those alone. */
import { createContext } from "react";
import { configured } from "./config";

export type SignIn = typeof import("./late");

/** Null on a page without sign-in. */
export const SignInContext = createContext<SignIn | null>(null);

/** :throws SignInProblem: config.json cannot be used. */
export async function prepared(): Promise<SignIn | null> {
  const oidc = await configured();
  if (oidc === undefined) return null;
  const late = await import("./late");
  await late.arrive(oidc);
  return late;
}
