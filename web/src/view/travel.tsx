export function Travel() {
  return null;
}
