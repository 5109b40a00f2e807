"""Where image embeddings go between text embeddings, and what happens to labels, mask and positions.

Versions and seed: see models.py. Token -200 stands for one picture; a row of ids without it still uses up one picture.
"""

import json

import torch

from models_folders import fresh

IMAGE, IGNORE = -200, -100


def splice(rows, patches, mask=None, labels=None):
    """Says where every position of the spliced batch comes from.

    `rows`: ids, right-padded to one length. Returns per row the list of sources, ("text", id), ("image", picture,
    patch) or None for padding; labels, mask and positions after padding on the right; and how many pictures were used.
    """
    out, picture = [], 0
    for r, ids in enumerate(rows):
        kept = [t for t in range(len(ids)) if mask is None or mask[r][t]]
        source, label = [], []
        if not any(ids[t] == IMAGE for t in kept):
            picture += 1
        for t in kept:
            if ids[t] == IMAGE:
                source += [("image", picture, p) for p in range(patches)]
                label += [IGNORE] * patches
                picture += 1
            else:
                source.append(("text", ids[t]))
                label.append(labels[r][t] if labels is not None else IGNORE)
        out.append((source, label))
    longest = max(len(source) for source, _ in out)
    fill = [longest - len(source) for source, _ in out]
    return {
        "lengths": [len(source) for source, _ in out],
        "sources": [source + [None] * n for (source, _), n in zip(out, fill)],
        "labels": [label + [IGNORE] * n for (_, label), n in zip(out, fill)],
        "mask": [[True] * len(source) + [False] * n for (source, _), n in zip(out, fill)],
        "positions": [list(range(len(source))) + [0] * n for (source, _), n in zip(out, fill)],
        "pictures_used": picture,
    }


def embed(plan, table, features):
    """The embeddings a plan stands for: [rows, length, hidden]; padding is zero."""
    zero = torch.zeros(table.shape[1])
    pick = lambda s: zero if s is None else table[s[1]] if s[0] == "text" else features[s[1], s[2]]
    return torch.stack([torch.stack([pick(s) for s in row]) for row in plan["sources"]])


CASES = {
    "one picture": dict(rows=[[1, 7, IMAGE, 8, 9]], labels=[[-100, -100, -100, 8, 9]]),
    "picture first": dict(rows=[[IMAGE, 8, 9]], labels=[[-100, 8, 9]]),
    "picture last": dict(rows=[[1, 7, IMAGE]], labels=[[-100, 7, -100]]),
    "two pictures side by side and one later": dict(
        rows=[[1, IMAGE, IMAGE, 5, IMAGE, 6]], labels=[[-100, -100, -100, 5, -100, 6]]
    ),
    "no picture": dict(rows=[[1, 5, 6]], labels=[[-100, 5, 6]]),
    "batch: picture, text only, picture; right padded": dict(
        rows=[[1, IMAGE, 5, 6, 0], [1, 5, 6, 7, 8], [1, 5, IMAGE, 0, 0]],
        mask=[[1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [1, 1, 1, 0, 0]],
        labels=[[-100, -100, 5, 6, -100], [-100, -100, 6, 7, 8], [-100, 5, -100, -100, -100]],
    ),
    "batch: two pictures in one row move the counter": dict(
        rows=[[1, IMAGE, 5, IMAGE], [1, IMAGE, 6, 0]], mask=[[1, 1, 1, 1], [1, 1, 1, 0]],
        labels=[[-100, -100, 5, -100], [-100, -100, 6, -100]],
    ),
    "id 0 inside a row is masked out as padding": dict(
        rows=[[1, 0, IMAGE, 5]], mask=[[1, 0, 1, 1]], labels=[[-100, -100, -100, 5]]
    ),
}  # fmt: skip


def make():
    folder = fresh("splice")
    rows = []
    for name, case in CASES.items():
        rows.append({"name": name, "patches": 4, "input": case, "expected": splice(patches=4, **case)})
    # One case a line: one number a line would make the file unreadable.
    head = json.dumps({"image_token": IMAGE, "ignore_label": IGNORE})[:-1]
    text = head + ', "cases": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]}\n"
    json.loads(text)
    (folder / "expected.json").write_text(text)
    print("  splice:", len(rows), "cases")
