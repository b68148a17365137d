/**
 * Making elements of the page and keeping them: what does not change is not touched, so that focus
 * and selection stay. It knows nothing of what is shown.
 */

/// <reference lib="dom" />
/// <reference lib="dom.iterable" />

/** An element that the page is made with. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page lacks #${id}`);
  return found;
}

/** The child of a key, made by `make` where there is none yet. */
export function child(parent: HTMLElement, key: string, make: () => HTMLElement): HTMLElement {
  const children = childrenOf(parent);
  const known = children.get(key);
  if (known) return known;
  const made = make();
  children.set(key, made);
  return parent.appendChild(made);
}

/** Removes the children of other keys. */
export function keepOnly(parent: HTMLElement, keys: readonly string[]): void {
  const wanted = new Set(keys);
  const children = childrenOf(parent);
  for (const [key, one] of children) {
    if (wanted.has(key)) continue;
    one.remove();
    children.delete(key);
  }
}

/** A new element. */
export function element(tag: string, className = "", ...content: (Node | string)[]): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...content);
  return made;
}

/** Sets text and look of the part of an element that has the name, if they differ. */
export function put(parent: HTMLElement, part: string, text: string, className?: string): void {
  const found = parent.querySelector<HTMLElement>(`[data-part="${part}"]`);
  if (!found) return;
  if (found.textContent !== text) found.textContent = text;
  if (className !== undefined && found.className !== className) found.className = className;
}

/** A new element whose text is put in by the name of the part. */
export function part(tag: string, name: string, className = ""): HTMLElement {
  const made = element(tag, className);
  made.dataset.part = name;
  return made;
}

/** Whether an element is in view, or a page away; nothing is drawn a thousand times for nobody. */
export function isInView(element: Element): boolean {
  observer.observe(element);
  return inView.has(element);
}

function childrenOf(parent: HTMLElement): Map<string, HTMLElement> {
  const known = byParent.get(parent);
  if (known) return known;
  const none = new Map<string, HTMLElement>();
  byParent.set(parent, none);
  return none;
}

const byParent = new WeakMap<HTMLElement, Map<string, HTMLElement>>();
const inView = new WeakSet<Element>();
const observer = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) inView.add(target);
    else inView.delete(target);
  }
}, { rootMargin: "100%" });
