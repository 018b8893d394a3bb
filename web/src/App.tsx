import { ThemeProvider } from "@thesysai/genui-sdk";
import * as Tooltip from "@radix-ui/react-tooltip";
import { useEffect, useSyncExternalStore } from "react";
import logo from "./logo.svg";
import { type SignIn, SignInContext } from "./signin";
import { shareToken } from "./state/address";
import { useTheme } from "./state/theme";
import { THEMES } from "./theme";
import { Boundary } from "./view/Boundary";
import { Chat } from "./view/Chat";
import { Shared } from "./view/Shared";

function subscribe(changed: () => void): () => void {
  window.addEventListener("hashchange", changed);
  return () => window.removeEventListener("hashchange", changed);
}

export function App({ signIn }: { signIn: SignIn | null }) {
  const mode = useTheme();
  const token = useSyncExternalStore(subscribe, shareToken);
  useEffect(() => {
    document.documentElement.dataset.theme = mode;
  }, [mode]);
  return (
    <ThemeProvider mode={mode} theme={THEMES[mode]}>
      <Tooltip.Provider delayDuration={400} skipDelayDuration={200}>
        <Boundary>
          <SignInContext value={signIn}>{token === null ? chat(signIn) : <Shared key={token} token={token} />}</SignInContext>
        </Boundary>
      </Tooltip.Provider>
    </ThemeProvider>
  );
}

const chat = (signIn: SignIn | null) =>
  signIn ? (
    <signIn.Gate logo={logo}>
      <Chat />
    </signIn.Gate>
  ) : (
    <Chat />
  );
