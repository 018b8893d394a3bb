/** What a person said: the words, and what a form held. */
import { type Labels, read } from "../model/c1";

export function Bubble({ content, labels }: { content: string; labels?: Labels | undefined }) {
  const { words, fields } = read(content, labels);
  return (
    <div className="bubble" dir="auto">
      {words || "…"}
      {fields.length > 0 && (
        <dl>
          {fields.map(({ label, value }, index) => (
            <div key={index}>
              <dt>{label}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
