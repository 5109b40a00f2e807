// The bundled demo: asked by somebody who has no picture at hand.

import { choose, question, room } from "../steps.mjs";

export const stories = {
  async "the example on Home is told by the bundled model"({ page }) {
    await room(page, "Home");
    await page.getByRole("button", { name: "Try an example" }).click();
    await page.locator(".composer").getByRole("list", { name: "Pictures of the question" }).getByRole("listitem").first().waitFor();
    await choose(page, /^Demo/);
    await question(page, "What is in this picture?");
    // How large they are, nothing beside them tells.
    await page.getByRole("article", { name: "Demo" }).getByText(/^Two (small|big) blue boats at the bottom, at night\.$/).waitFor();
    // Stories that follow go on with the model of those before.
    await choose(page, /^tiny/);
  },
};
