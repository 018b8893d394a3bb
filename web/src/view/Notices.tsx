import { X } from "lucide-react";
import { dismiss, useNotices } from "../state/notices";
import { IconButton } from "./IconButton";

export function Notices() {
  const notices = useNotices();
  return (
    <div className="notices" role="status" aria-live="polite">
      {notices.map(({ id, text, act }) => (
        <div className="notice" key={id}>
          <span dir="auto">{text}</span>
          {act && (
            <button
              type="button"
              onClick={() => {
                dismiss(id);
                act.run();
              }}
            >
              {act.name}
            </button>
          )}
          <IconButton icon={X} size={15} name="Close" onClick={() => dismiss(id)} />
        </div>
      ))}
    </div>
  );
}
