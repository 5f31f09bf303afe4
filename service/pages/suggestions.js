// Suggestions while typing, as a combobox with a list: arrows choose, Enter takes, Escape closes.
// Source: WAI-ARIA Authoring Practices, "Editable Combobox With List Autocomplete".

import { at, element } from "./dom.js";

const PAUSE_MS = 150; // longer than between two key strokes, shorter than a wait
const MIN_LENGTH = 2; // the server completes no single letter

export class Suggestions {
  #input;
  #list;
  #ask;
  #take;
  #timer = 0;
  #latest = 0;
  #active = -1;

  // `ask` fetches suggestions for a text; `take` is told when one was chosen.
  constructor({ input, list, ask, take }) {
    [this.#input, this.#list, this.#ask, this.#take] = [at(input), at(list), ask, take];
    this.#input.addEventListener("input", () => this.#wait());
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#input.addEventListener("blur", () => this.close());
  }

  close() {
    clearTimeout(this.#timer);
    this.#latest += 1; // what is still under way comes too late
    this.#active = -1;
    this.#list.hidden = true;
    this.#list.replaceChildren();
    this.#input.setAttribute("aria-expanded", "false");
    this.#input.removeAttribute("aria-activedescendant");
  }

  #wait() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fetch(), PAUSE_MS);
  }

  async #fetch() {
    const mine = ++this.#latest;
    const typed = this.#input.value;
    const found = typed.trim().length < MIN_LENGTH ? [] : await this.#ask(typed).catch(() => []);
    if (mine !== this.#latest) return;
    this.close();
    if (found.length) this.#open(found);
  }

  #open(found) {
    this.#list.replaceChildren(...found.map((suggestion, place) => this.#option(suggestion, place)));
    this.#list.hidden = false;
    this.#input.setAttribute("aria-expanded", "true");
  }

  #option({ text, kind }, place) {
    const attributes = { role: "option", id: `suggestion-${place}`, "aria-selected": "false" };
    const made = element("li", { attributes }, element("span", { text }));
    if (kind === "title") made.append(element("span", { text: "title", className: "kind" }));
    made.dataset.text = text;
    made.addEventListener("mousedown", (event) => {
      event.preventDefault(); // the field keeps the focus
      this.#choose(text);
    });
    return made;
  }

  #onKey(event) {
    const options = [...this.#list.children];
    if (event.key === "Escape" && options.length) {
      event.preventDefault();
      this.close();
    } else if (event.key === "Enter" && this.#active >= 0) {
      event.preventDefault();
      this.#choose(options[this.#active].dataset.text);
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && options.length) {
      event.preventDefault();
      this.#move(options, event.key === "ArrowDown" ? 1 : -1);
    }
  }

  // From the last one on it goes back to what was typed, and from there to the first.
  #move(options, step) {
    const places = options.length + 1;
    this.#active = ((this.#active + 1 + step + places) % places) - 1;
    options.forEach((option, place) => option.setAttribute("aria-selected", String(place === this.#active)));
    if (this.#active < 0) this.#input.removeAttribute("aria-activedescendant");
    else this.#input.setAttribute("aria-activedescendant", options[this.#active].id);
  }

  #choose(text) {
    this.#input.value = text;
    this.close();
    this.#take();
  }
}
