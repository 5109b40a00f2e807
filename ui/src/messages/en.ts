// English, the language that the others are checked against: a key that misses in one does not compile.

import { chat } from "./en/chat";
import { common, errors, shell, shortcuts } from "./en/everywhere";
import { datasets } from "./en/datasets";
import { exporting } from "./en/export";
import { home } from "./en/home";
import { models } from "./en/models";
import { plan } from "./en/plan";
import { runs } from "./en/runs";
import { settings } from "./en/settings";
import { train } from "./en/train";

export const en = { common, errors, shell, shortcuts, home, chat, models, datasets, train, plan, runs, exporting, settings };

export type Messages = typeof en;
