// Small pictures that people may give to nodes and values. Each is one line of a pen in a field of 16.

export const ICONS: Readonly<Record<string, string>> = {
  lamp: "M6 11.5h4M6.5 14h3M8 2a4 4 0 0 0-2 7.4v2.1h4V9.4A4 4 0 0 0 8 2z",
  heat: "M6.5 9.5V3.2a1.5 1.5 0 0 1 3 0v6.3a3 3 0 1 1-3 0z",
  water: "M8 2c2.5 3.3 4 5.3 4 7.3a4 4 0 0 1-8 0C4 7.3 5.5 5.3 8 2z",
  wind: "M2 6h7a2 2 0 1 0-2-2M2 9h10a2 2 0 1 1-2 2",
  sun: "M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.5 3.5l.7.7M11.8 11.8l.7.7M3.5 12.5l.7-.7M11.8 4.2l.7-.7",
  plug: "M5.5 2v3M10.5 2v3M4 5h8v3a4 4 0 0 1-8 0zM8 12v2.5",
  door: "M4 14V2h8v12M2.5 14h11M9.5 8h.1",
  window: "M3 2.5h10v11H3zM8 2.5v11M3 8h10",
  bed: "M2 13V4M2 11h12v2M14 11V8.5A1.5 1.5 0 0 0 12.5 7H2",
  pot: "M3 6h10v5a2.5 2.5 0 0 1-2.5 2.5h-5A2.5 2.5 0 0 1 3 11zM1.5 7.5H3M13 7.5h1.5M6 3.5h4",
  sofa: "M3.5 7V4.5A1.5 1.5 0 0 1 5 3h6a1.5 1.5 0 0 1 1.5 1.5V7M2 12V8.5a1.5 1.5 0 0 1 3 0V9h6v-.5a1.5 1.5 0 0 1 3 0V12zM4 12v1.5M12 12v1.5",
  plant: "M8 14V7M8 9C8 5.5 5.5 4 2.5 4c0 3.5 2 5 5.5 5zM8 7c0-3 2-4.5 5.5-4.5C13.5 6 11.5 7.5 8 7.5",
  car: "M2 11.5V8.5l1.5-4h9l1.5 4v3zM2 8.5h12M4.5 11.5V13M11.5 11.5V13",
  bell: "M4 11V7a4 4 0 0 1 8 0v4l1 1.5H3zM7 14.5h2",
};

export function Icon({ name }: { name: string | undefined }) {
  if (name === undefined || !Object.hasOwn(ICONS, name)) return null;
  return <svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d={ICONS[name]} fill="none" stroke="currentColor" stroke-width="1.4" stroke-linecap="round" stroke-linejoin="round" /></svg>;
}
