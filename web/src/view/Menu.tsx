/** A menu below a button. */
import * as Dropdown from "@radix-ui/react-dropdown-menu";
import clsx from "clsx";
import { Ellipsis, type LucideIcon } from "lucide-react";
import { useRef } from "react";
import { IconButton } from "./IconButton";

export type Item = { name: string; icon: LucideIcon; run: () => void; danger?: boolean };

/** An item runs after the menu is closed and the button has the focus again, so that it can move the focus on. */
export function Menu({ name, items, className }: { name: string; items: Item[]; className?: string }) {
  const chosen = useRef<() => void>(undefined);
  const closed = (event: Event) => {
    if (!chosen.current) return;
    event.preventDefault();
    const run = chosen.current;
    chosen.current = undefined;
    run();
  };
  return (
    <Dropdown.Root modal={false}>
      <Dropdown.Trigger asChild>
        <IconButton icon={Ellipsis} name={name} className={clsx(className)} />
      </Dropdown.Trigger>
      <Dropdown.Content className="menu" align="end" sideOffset={4} collisionPadding={8} onCloseAutoFocus={closed}>
          {items.map(({ name: words, icon: Icon, run, danger }) => (
            <Dropdown.Item key={words} className={clsx("menu-item", danger && "danger")} onSelect={() => void (chosen.current = run)}>
              <Icon size={16} aria-hidden />
              {words}
            </Dropdown.Item>
          ))}
        </Dropdown.Content>
    </Dropdown.Root>
  );
}
