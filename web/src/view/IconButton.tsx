/** A button with nothing but a picture: its name is read aloud, and shown when a pointer rests on it. */
import * as Tooltip from "@radix-ui/react-tooltip";
import clsx from "clsx";
import type { LucideIcon } from "lucide-react";
import { type ComponentPropsWithRef } from "react";

type Props = ComponentPropsWithRef<"button"> & { icon: LucideIcon; name: string; size?: number };

export function IconButton({ icon: Icon, name, size = 18, className, ...props }: Props) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger asChild>
        <button type="button" aria-label={name} className={clsx("icon-button", className)} {...props}>
          <Icon size={size} aria-hidden />
        </button>
      </Tooltip.Trigger>
      <Tooltip.Portal>
        <Tooltip.Content className="tooltip" sideOffset={6} collisionPadding={8}>
          {name}
        </Tooltip.Content>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
