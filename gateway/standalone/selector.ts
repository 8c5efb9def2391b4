/**
 * Whether a selector, as google.api.Http has it, takes in an element: its full name, the start of one and ".*", or "*"
 * for all. Several stand with commas between.
 */
export function selects(selector: string, name: string): boolean {
  return selector.split(",").some((each) => selectsOne(each.trim(), name));
}

function selectsOne(selector: string, name: string): boolean {
  if (selector === "*") return true;
  return selector.endsWith(".*") ? name.startsWith(selector.slice(0, -1)) : name === selector;
}
