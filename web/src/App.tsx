import { ThemeProvider } from "@thesysai/genui-sdk";
import * as Tooltip from "@radix-ui/react-tooltip";
import { useEffect, useSyncExternalStore } from "react";
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

export function App() {
  const mode = useTheme();
  const token = useSyncExternalStore(subscribe, shareToken);
  useEffect(() => {
    document.documentElement.dataset.theme = mode;
  }, [mode]);
  return (
    <ThemeProvider mode={mode} theme={THEMES[mode]}>
      <Tooltip.Provider delayDuration={400} skipDelayDuration={200}>
        <Boundary>{token === null ? <Chat /> : <Shared key={token} token={token} />}</Boundary>
      </Tooltip.Provider>
    </ThemeProvider>
  );
}
