// Pictures and tables as files.

import type { Inks } from "./plot.js";

const MARGIN = 20;
const TITLE = 18;
const LINE = 22;

/** A name for a file: what no system takes is left out. */
export const fileName = (words: string, ending: string): string => `${words.replaceAll(/[^\p{L}\p{N}]+/gu, "-").replace(/^-+|-+$/g, "").slice(0, 80) || "chart"}.${ending}`;

/** The panels below each other, with a title, the time and a legend. */
export async function picture(title: string, time: string, legend: { ink: string; dash: readonly number[]; words: string }[], panels: { head: string; canvas: HTMLCanvasElement }[], inks: Inks): Promise<Blob | null> {
  const ratio = devicePixelRatio;
  const [margin, line] = [MARGIN * ratio, LINE * ratio];
  const width = Math.max(...panels.map(({ canvas }) => canvas.width)) + 2 * margin;
  const height = 2 * margin + line * (2 + legend.length) + panels.reduce((sum, { canvas }) => sum + canvas.height + line, 0);
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const ctx = canvas.getContext("2d");
  if (!ctx) return null;
  ctx.fillStyle = inks.card;
  ctx.fillRect(0, 0, width, height);
  Object.assign(ctx, { textBaseline: "top", fillStyle: inks.text, font: `600 ${TITLE * ratio}px ${inks.font}` });
  let y = margin;
  ctx.fillText(title, margin, y, width - 2 * margin);
  y += line * 1.1;
  Object.assign(ctx, { fillStyle: inks.muted, font: `${13 * ratio}px ${inks.font}` });
  ctx.fillText(time, margin, y, width - 2 * margin);
  y += line;
  for (const { ink, dash, words } of legend) {
    Object.assign(ctx, { strokeStyle: ink, lineWidth: 2 * ratio });
    ctx.setLineDash(dash.map((one) => one * ratio));
    ctx.beginPath();
    ctx.moveTo(margin, y + 8 * ratio);
    ctx.lineTo(margin + 28 * ratio, y + 8 * ratio);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.fillStyle = inks.text;
    ctx.fillText(words, margin + 38 * ratio, y, width - 2 * margin - 38 * ratio);
    y += line;
  }
  for (const { head, canvas: panel } of panels) {
    ctx.fillStyle = inks.muted;
    ctx.fillText(head, margin, y + 6 * ratio);
    y += line;
    ctx.drawImage(panel, margin, y);
    y += panel.height;
  }
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
