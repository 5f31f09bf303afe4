// The two ways in which every page touches its document. Text is written as text, never as HTML.

export const at = (id) => document.getElementById(id);

export function element(name, { text, className, attributes = {} } = {}, ...children) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export function button(text, onClick, attributes = {}, ...children) {
  const made = element("button", { text, attributes: { type: "button", ...attributes } }, ...children);
  made.addEventListener("click", onClick);
  return made;
}
