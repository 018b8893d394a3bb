import { Monitor, Moon, Sun } from "lucide-react";
import { type Choice, CHOICES, choose, useChoice } from "../state/theme";

const SHOWN = { light: { icon: Sun, name: "Light" }, dark: { icon: Moon, name: "Dark" }, system: { icon: Monitor, name: "System" } };

export function ThemeSwitch() {
  const { choice } = useChoice();
  return (
    <fieldset className="themes">
      <legend className="unseen">Theme</legend>
      {CHOICES.map((one: Choice) => {
        const { icon: Icon, name } = SHOWN[one];
        return (
          <label key={one} title={`${name} theme`}>
            <input type="radio" name="theme" value={one} checked={choice === one} onChange={() => choose(one)} />
            <Icon size={15} aria-hidden />
            <span>{name}</span>
          </label>
        );
      })}
    </fieldset>
  );
}
