/** What a person said: the words, and what a form held. */
import { read } from "../model/c1";

export function Bubble({ content }: { content: string }) {
  const { words, fields } = read(content);
  return (
    <div className="bubble" dir="auto">
      {words || "…"}
      {fields.length > 0 && (
        <dl>
          {fields.map(({ name, value }, index) => (
            <div key={index}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
      )}
    </div>
  );
}
