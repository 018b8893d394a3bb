/** What a page with sign-in loads besides. */
export { arrive, person, whenSignedOut } from "./person";
export { Account, Ended, Gate } from "./view";
