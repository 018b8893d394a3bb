/** The official client's date picker for the keyboard: it is an element that only a mouse opens. */

const CALENDAR = ".openui-date-picker-renderer-floating-content";

/** Where the focus is when a calendar opens: on the day that is chosen, on today, or else on the first one. */
const DAYS = ["[aria-selected=true] button", "button[aria-label^=Today]", "td button"];

/** Enter and Space open the calendar of this field, Escape and a chosen day lead back to it. */
export function opens(field: HTMLElement): void {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    field.click();
    requestAnimationFrame(() => {
      const calendar = document.querySelector<HTMLElement>(CALENDAR);
      if (calendar) entered(calendar, field);
    });
  });
}

function entered(calendar: HTMLElement, field: HTMLElement): void {
  calendar.setAttribute("role", "dialog");
  calendar.setAttribute("aria-label", "Calendar");
  const day = DAYS.map((one) => calendar.querySelector<HTMLElement>(one)).find((found) => found);
  day?.focus();
  calendar.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault(); // it stops no answer
    leave(field);
  });
  calendar.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest("td")) requestAnimationFrame(() => leave(field));
  });
}

/** The client closes a calendar when something outside of it is pressed. */
function leave(field: HTMLElement): void {
  document.body.dispatchEvent(new MouseEvent("mousedown", { bubbles: true }));
  field.focus();
}
