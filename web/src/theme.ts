/** The official client's components in the page's own type and colours. */
import type { ThemeProviderProps } from "@thesysai/genui-sdk";

type Theme = NonNullable<ThemeProviderProps["theme"]>;

/** As in css/base.css. */
const FAMILY = '"Inter Variable", system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

/** Weight, size and line height of each of the client's kinds of text. */
const TYPE: Record<string, string> = {
  fontHeadingLarge: "600 24px/1.25",
  fontHeadingMedium: "600 20px/1.3",
  fontHeadingSmall: "600 17px/1.35",
  fontHeadingExtraSmall: "600 15px/1.4",
  fontBody: "400 15px/1.6",
  fontBodyHeavy: "550 15px/1.6",
  fontBodySmall: "400 14px/1.5",
  fontBodySmallHeavy: "550 14px/1.5",
  fontBodyLink: "400 15px/1.6",
  fontBodyLarge: "400 17px/1.5",
  fontBodyLargeHeavy: "550 17px/1.5",
  fontLabelLarge: "400 17px/1.25",
  fontLabelLargeHeavy: "550 17px/1.25",
  fontLabel: "400 15px/1.3",
  fontLabelHeavy: "550 15px/1.3",
  fontLabelSmall: "400 14px/1.3",
  fontLabelSmallHeavy: "550 14px/1.3",
  fontLabelExtraSmall: "400 12px/1.3",
  fontLabelExtraSmallHeavy: "550 12px/1.3",
  fontLabel2ExtraSmall: "400 11px/1.3",
  fontLabel2ExtraSmallHeavy: "550 11px/1.3",
};

const fonts = Object.fromEntries(Object.entries(TYPE).map(([name, type]) => [name, `${type} ${FAMILY}`])) as Theme;

/** Texts have a contrast of 4.5 and more with each of the grounds that they stand on. */
export const THEMES: { light: Theme; dark: Theme } = {
  light: {
    ...fonts,
    backgroundFills: "#ffffff",
    containerFills: "#ffffff",
    primaryText: "#16181d",
    secondaryText: "#596170",
    disabledText: "#6b7280",
    linkText: "#2f4bc4",
    interactiveAccent: "#3b5bdb",
    interactiveAccentHover: "#2f4bc4",
    interactiveAccentPressed: "#2740ab",
    accentPrimaryText: "#ffffff",
    dangerPrimaryText: "#a7272f",
    dangerSecondaryText: "#a7272f",
    alertPrimaryText: "#8a5a00",
  },
  dark: {
    ...fonts,
    backgroundFills: "#16181c",
    containerFills: "#16181c",
    primaryText: "#eceef2",
    secondaryText: "#a3abb8",
    disabledText: "#8b93a1",
    linkText: "#a9bbff",
    interactiveAccent: "#5c7cfa",
    interactiveAccentHover: "#748ffc",
    interactiveAccentPressed: "#91a7ff",
    accentPrimaryText: "#0b0d12",
    dangerPrimaryText: "#ff8a8f",
    dangerSecondaryText: "#ff8a8f",
    dangerFills: "rgba(255, 107, 107, 0.12)",
  },
};
