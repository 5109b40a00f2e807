// 简体中文。键与英文相同，缺少或多余的键无法通过类型检查。

import type { Messages } from "./en";
import { chat } from "./zh/chat";
import { common, errors, shell, shortcuts } from "./zh/everywhere";
import { datasets } from "./zh/datasets";
import { exporting } from "./zh/export";
import { home } from "./zh/home";
import { models } from "./zh/models";
import { plan } from "./zh/plan";
import { runs } from "./zh/runs";
import { settings } from "./zh/settings";
import { train } from "./zh/train";

export const zh: Messages = { common, errors, shell, shortcuts, home, chat, models, datasets, train, plan, runs, exporting, settings };

