// Tests of the core hear it speak English. Import this before anything that speaks.

import { speak } from "../src/core/text.ts";
import * as en from "../src/words/en.ts";

speak(en);
