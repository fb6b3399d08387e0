// Pieces of later parts that stand among those of the overview, once they are loaded.

import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import type { Sort } from "./core/layout.js";
import type { Reading } from "./core/values.js";

export interface Tools {
  /** The details of a tile. */
  About: ComponentType<{ reading: Reading; beat: number }>;
  /** The picture that people have given to something. */
  Icon: ComponentType<{ name: string | undefined }>;
  /** What may sound, and what else there is to choose for alarms. */
  Alarms: ComponentType;
  /** Export, import and the order of rooms. */
  Bar: ComponentType;
  /** What can be changed of one node or value. */
  Buttons: ComponentType<{ sort: Sort; id: string; title: string }>;
}

export const tools = signal<Partial<Tools>>({});
