// A text as a QR code. The hub draws it: the text goes there in a body, and nowhere else.

import { useEffect, useState } from "preact/hooks";
import { call } from "../admin.js";
import { isObject } from "../core/frame.js";

/** What has to stay empty around a code. */
const MARGIN = 4;

export function Code({ text, label }: { text: string; label: string }) {
  const [code, setCode] = useState<{ size: number; path: string } | null>(null);
  useEffect(() => {
    let isCurrent = true;
    setCode(null);
    void call("POST", "api/code", { text }).then((reply) => {
      if (isCurrent && reply.isOk && isObject(reply.body)) setCode({ size: Number(reply.body.size), path: String(reply.body.path) });
    });
    return () => void (isCurrent = false);
  }, [text]);
  const size = (code?.size ?? 33) + 2 * MARGIN;
  return (
    <svg class="qr" role="img" aria-label={label} aria-busy={code === null} viewBox={`${-MARGIN} ${-MARGIN} ${size} ${size}`} shape-rendering="crispEdges">
      <rect x={-MARGIN} y={-MARGIN} width={size} height={size} fill="#fff" />
      <path d={code?.path ?? ""} fill="#000" />
    </svg>
  );
}
