// A text as a QR code, drawn here: the text leaves the page for nowhere.

import { generate } from "lean-qr/nano";
import { useMemo } from "preact/hooks";

/** What has to stay empty around a code. */
const MARGIN = 4;

export function Code({ text, label }: { text: string; label: string }) {
  const { size, path } = useMemo(() => {
    const code = generate(text);
    let path = "";
    for (let y = 0; y < code.size; y += 1) for (let x = 0; x < code.size; x += 1) if (code.get(x, y)) path += `M${x + MARGIN} ${y + MARGIN}h1v1h-1z`;
    return { size: code.size + 2 * MARGIN, path };
  }, [text]);
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
