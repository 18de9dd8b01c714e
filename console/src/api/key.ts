// The API key lives in this tab's session storage and nowhere else: closing the tab forgets it.
const NAME = "smoothgen-api-key";

export function storedKey(): string {
  return sessionStorage.getItem(NAME) ?? "";
}

export function storeKey(key: string): void {
  if (key) sessionStorage.setItem(NAME, key);
  else sessionStorage.removeItem(NAME);
}

export function authorization(): Record<string, string> {
  const key = storedKey();
  return key ? { Authorization: `Bearer ${key}` } : {};
}
